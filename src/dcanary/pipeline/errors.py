"""Errors of a pipeline file, each with its place in the source."""

from collections.abc import Sequence
from dataclasses import dataclass

Location = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class FieldError:
    """One thing wrong in a file. `line` and `column` count from 1; `field` may be empty."""

    file: str
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return (
            f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"
        )


class PipelineFileError(Exception):
    """A pipeline file cannot be used. `errors` holds everything that is wrong with it."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors: tuple[FieldError, ...] = tuple(sorted(errors))
        super().__init__("\n".join(str(error) for error in self.errors))


def field_text(location: Location) -> str:
    """`("stages", "build", "artifacts", 0)` as `stages.build.artifacts[0]`."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
