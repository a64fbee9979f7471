"""A `dcanary.yml` as the record that `pipeline_config` keeps."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dcanary.candid import principal
from dcanary.cli.errors import UsageTrouble, translated
from dcanary.client.errors import RefusedError
from dcanary.client.types.pipeline_config import PipelineInput
from dcanary.pipeline import (
    FILE_NAME,
    Installation,
    PipelineFile,
    PipelineFileError,
    load_pipeline,
    parse_pipeline,
    to_candid,
)
from dcanary.pipeline.names import check_name
from dcanary.pipeline.references import ANY, stand_in
from dcanary.pipeline.source import read_source

if TYPE_CHECKING:
    from dcanary.client.system import System


def file_of(path: Path) -> Path:
    """The file itself; a folder stands for the file in it."""
    return path / FILE_NAME if path.is_dir() else path


def read(path: Path, installation: Installation = ANY) -> PipelineFile:
    """The checked file, see `file_of`. Raises UsageTrouble with each error."""
    require_file(path)
    with translated():
        return load_pipeline(file_of(path), installation)


def require_file(given: Path) -> None:
    """Refuse a pipeline file that is not there, see `file_of`. Raises UsageTrouble."""
    file = file_of(given)
    if file.exists():
        return
    hint = "give the place of a dcanary.yml, or of the folder that has it"
    if file.parent.is_dir() and file.name == FILE_NAME:
        hint += f"; to have one made: dcanary init {shlex.quote(str(file.parent))}"
    raise UsageTrouble(f"there is no file {file}", hint)


def installation_of(system: System) -> Installation:
    """What a file's references ask of an installation; asked only when a file has some."""

    def has_target(name: str) -> bool:
        try:
            system.deployment.get_target(name)
        except RefusedError as error:
            if error.kind != "NotFound":
                raise
            return False
        return True

    def canister_of(name: str) -> str | None:
        return system.deployment.get_target(name)["canister"]

    return Installation(system.deployment.network, has_target, canister_of)


class Ids:
    """Ids of targets that are given by hand, as NAME=ID, where no installation is asked.

    `stood_in` names the targets whose id was asked for and not given. Raises UsageTrouble.
    """

    def __init__(self, given: Sequence[str]) -> None:
        self.stood_in: list[str] = []
        self._given: dict[str, str] = {}
        for one in given:
            name, _, canister = one.partition("=")
            try:
                check_name(name)
                principal.from_text(canister)
            except ValueError as error:
                raise UsageTrouble(f"--canister {one}: use NAME=ID: {error}") from None
            self._given[name] = canister
        self.installation = Installation(canister_of=self._canister_of)

    def _canister_of(self, target: str) -> str:
        if target in self._given:
            return self._given[target]
        if target not in self.stood_in:
            self.stood_in.append(target)
        return stand_in(target)


def missing_approvers(pipeline: PipelineFile) -> int:
    """How many approvers must be named at registration besides those of the file."""
    known = len(set(pipeline.approval.approvers))
    wanted = pipeline.approval.threshold if pipeline.deploy or known else 0
    return max(0, wanted - known)


def require_secrets(system: System, path: Path, definition: PipelineInput) -> None:
    """Raise UsageTrouble, with line and field, for secrets that stages list and nobody has set."""
    file = file_of(path)
    require_secrets_of(system, file.read_bytes(), str(file), definition)


def require_secrets_of(
    system: System, content: bytes, where: str, definition: PipelineInput
) -> None:
    """`require_secrets` of a text; `where` says what it is."""
    # Loads what seals: too slow for commands that only read the file.
    from dcanary.cli.operations.sealing import missing_secrets

    found = missing_secrets(system, definition["repository"], definition["stages"])
    if not found:
        return
    source = read_source(content, where)
    for stage, place, name in found:
        source.report(
            ("stages", stage, "secrets", place),
            f"there is no secret {name} of {definition['repository']}: dcanary secret set {name}",
        )
    raise UsageTrouble(str(PipelineFileError(source.errors)))


def definition(
    path: Path,
    repository: str,
    approvers: Sequence[str],
    installation: Installation = ANY,
) -> PipelineInput:
    """A Candid PipelineInput. Raises UsageTrouble when the file or the approvers are not right."""
    return _record(read(path, installation), str(file_of(path)), repository, approvers)


def definition_of(
    text: str, where: str, repository: str, approvers: Sequence[str], installation: Installation
) -> PipelineInput:
    """`definition` of a text that is in no file; `where` says what it is."""
    with translated():
        pipeline = parse_pipeline(text.encode(), where, installation=installation)
    return _record(pipeline, where, repository, approvers)


def _record(
    pipeline: PipelineFile, where: str, repository: str, approvers: Sequence[str]
) -> PipelineInput:
    try:
        # `pipeline` knows nothing of the client: a test holds its record to the canister's types.
        return cast(PipelineInput, to_candid(pipeline, repository, approvers))
    except ValueError as error:
        raise UsageTrouble(f"{where}: {error}") from None
