"""Which stages leave their files with the executors. Plain Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.types.pipeline import Stage


def stays_with_executors(stage: "Stage") -> bool:
    """Whether only the manifest of a stage goes on chain.

    Of a stage that fetches, the manifest of the packages is a file of its own, which is on chain.
    """
    keep = stage["keep"]
    return stage["fetch"] is None and keep is not None and "Executors" in keep


def keep_problem(stage: "Stage") -> "str | None":
    """Why the files of a stage cannot stay with executors, or None."""
    # Who lacks the files builds them again, for another stage: it is given no secrets for that.
    if stays_with_executors(stage) and stage["secrets"]:
        return (
            "keep: the files of a stage with secrets cannot stay with executors, who may have to "
            "build them again without: use Chain"
        )
    return None
