"""A registered pipeline as a `dcanary.yml`: what is as the format has it anyway is left out."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcanary.candid import CandidError
from dcanary.candid.text import decode_untyped, encode_untyped
from dcanary.cli.operations.drafts.yaml_text import to_yaml
from dcanary.image.errors import ImageError
from dcanary.image.lock import parse_lock
from dcanary.image.standard import standard_lock, standard_names
from dcanary.pipeline import PipelineFileError, parse_pipeline, to_candid, triggers
from dcanary.pipeline.arguments import EMPTY
from dcanary.pipeline.images import IMAGE_RUNTIMES
from dcanary.pipeline.model import Approval, PipelineFile, Resources, Stage
from dcanary.pipeline.quantities import format_duration, format_size
from dcanary.pipeline.references import PLACEHOLDER_TEXT, Argument, Reference, encode

if TYPE_CHECKING:
    from dcanary.client.types.pipeline_config import (
        Deploy,
        Needs,
        PipelineInput,
        Reports,
        Variable,
    )
    from dcanary.client.types.pipeline_config import (
        Resources as Limits,
    )
    from dcanary.client.types.pipeline_config import Stage as StageRecord

Values = dict[str, Any]


def text_of(definition: PipelineInput, folder: Path | None = None) -> str:
    """A pipeline as a `dcanary.yml`. Lock files of images are looked for in `folder`."""
    return to_yaml(values_of(definition, folder))


def lost(definition: PipelineInput, text: str, folder: Path | None = None) -> list[str]:
    """What of a pipeline is not the same when `text` is registered, by its fields and stages."""
    try:
        pipeline = parse_pipeline(text.encode(), folder=folder)
        again = to_candid(pipeline, definition["repository"])
    except (PipelineFileError, ValueError) as error:
        return [str(error)]
    found = [
        key
        for key, value in definition.items()
        if key != "stages" and plain(value) != plain(again[key])
    ]
    stages = {stage["name"]: stage for stage in again["stages"]}
    return found + [
        f"stages.{stage['name']}"
        for stage in definition["stages"]
        if plain(stage) != plain(stages.get(stage["name"]))
    ]


def plain(value: object) -> object:
    """A record as plain values that can be compared, whoever made it."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return bytes(value) if isinstance(value, bytes | bytearray) else value


def values_of(definition: PipelineInput, folder: Path | None = None) -> Values:
    """A pipeline as the values of its file."""
    several, one = definition["deploys"], definition["deploy"]
    deploys = [_deploy(each) for each in several or ([] if one is None else [one])]
    approval, default = definition["approval"], Approval()
    decided = _without(
        approvers=list(approval["approvers"]),
        threshold=_unless(approval["threshold"], default.threshold),
        expires=_unless(approval["ttl_seconds"], default.expires, format_duration),
    )
    template = definition["template"]
    queue: int = PipelineFile.model_fields["queue"].default
    return {
        "version": 1,
        **_without(
            name=definition["name"],
            on=triggers.from_candid(definition["triggers"]),
            environment=_variables(definition["environment"]),
        ),
        "stages": {stage["name"]: _stage(stage, folder) for stage in definition["stages"]},
        **_without(
            gates=[
                {"max_artifact_size": _size(gate["MaxArtifactBytes"])}
                for gate in definition["gates"]
                if "MaxArtifactBytes" in gate
            ],
            approval=decided,
            deploy=deploys[0] if len(deploys) == 1 else deploys,
            queue=_unless(definition["queue_seconds"], queue, format_duration),
            priority=definition["priority"],
            template=f"{template['name']}@{template['version']}" if template else None,
        ),
    }


def _without(**values: object) -> Values:
    """The values that say something: no None, and nothing that is empty."""
    return {
        key: value for key, value in values.items() if value is not None and value not in ([], {})
    }


def _unless(value: Any, default: object, show: Any = lambda value: value) -> Any:
    return None if value is None or value == default else show(value)


def _size(count: int) -> str:
    """A size as people write it: 1GB rather than 1000000000B."""
    text = format_size(count)
    if not text.endswith(("GiB", "MiB")):
        for unit, size in (("GB", 1_000**3), ("MB", 1_000**2)):
            if count and count % size == 0:
                return f"{count // size}{unit}"
    return text


def _variables(variables: Sequence[Variable]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in variables}


def _stage(stage: StageRecord, folder: Path | None) -> Values:
    votes = {"replicas": stage["replicas"], "quorum": stage["quorum"]}
    more = _without(
        grace=_unless(stage["grace_seconds"], None, format_duration), parallel=stage["parallel"]
    )
    needs = stage["needs"]
    fetch = stage["fetch"]
    if fetch is not None:
        packages = _without(locks=list(fetch["locks"]), hosts=list(fetch["hosts"]))
        return {"kind": "fetch", **packages, **votes, **_needs(needs, False), **more}
    runtime = next(iter(stage["runtime"])).lower()
    image = _image(runtime, needs, folder)
    causes = stage["retry_causes"]
    retries = {one["cause"]: one["times"] for one in causes} if causes else stage["retries"]
    reports, cache = stage["reports"], stage["cache"]
    return {
        "runtime": runtime,
        **_without(
            image=image,
            commands=list(stage["commands"]),
            depends_on=list(stage["depends_on"]),
            environment=_variables(stage["environment"]),
            resources=_resources(stage["resources"]),
            artifacts=list(stage["artifacts"]),
        ),
        **votes,
        **_without(
            retries=_unless(retries, Stage.model_fields["retries"].default),
            secrets=list(stage["secrets"] or ()),
            reports=None if reports is None else _reports(reports),
            cache=None if cache is None else {"inputs": list(cache["inputs"])},
            keep="executors" if stage["keep"] else None,
        ),
        **_needs(needs, needs is not None and needs["image"] is not None),
        **more,
    }


def _reports(reports: Reports) -> Values:
    flaky = next(iter(reports["flaky"] or {"Tolerate": None})).lower()
    return {"tests": reports["tests"], **_without(flaky=_unless(flaky, "tolerate"))}


def _needs(needs: Needs | None, has_image: bool) -> Values:
    if needs is None:
        return {}
    found = _without(cpus=needs["cpus"], region=needs["region"], labels=list(needs["labels"]))
    return {} if has_image and not found else {"needs": found}


def _image(runtime: str, needs: Needs | None, folder: Path | None) -> str | None:
    """How a file names the image of a stage: not at all, by name, lock file or digest."""
    digest = needs["image"] if needs else None
    if needs is None or digest is None:
        return None
    path = needs["image_lock"]
    if path is not None:
        return path if folder is not None and _digest_of(folder / path) == digest else digest
    name = _standard_digests().get(digest)
    return digest if name is None else None if name == runtime in IMAGE_RUNTIMES else name


@functools.cache
def _standard_digests() -> dict[str, str]:
    """Digest of a standard image -> its name. Their locks take long to read."""
    found = {}
    for name in standard_names():
        lock = standard_lock(name)
        digest = None if lock is None else _digest_of(lock)
        if digest is not None:
            found[digest] = name
    return found


def _digest_of(lock: Path) -> str | None:
    try:
        return parse_lock(lock.read_bytes(), lock.name).digest
    except (OSError, ImageError):
        return None


def _resources(given: Limits) -> Values:
    usual = Resources()
    return _without(
        memory=_unless(given["memory_bytes"], usual.memory, _size),
        storage=_unless(given["storage_bytes"], usual.storage, _size),
        output=_unless(given["output_bytes"], usual.output, _size),
        processes=_unless(given["processes"], usual.processes),
        timeout=_unless(given["timeout_seconds"], usual.timeout, format_duration),
        network=given["network"] or None,
    )


def _deploy(deploy: Deploy) -> Values:
    mode, memory = next(iter(deploy["mode"])).lower(), next(iter(deploy["memory"])).lower()
    return {
        "target": deploy["target"],
        "stage": deploy["stage"],
        "artifact": deploy["artifact"],
        **_without(
            assets=deploy["assets"],
            depends_on=list(deploy["depends_on"] or ()),
            mode=_unless(mode, "auto"),
            memory=_unless(memory, "default"),
            install_arg=_argument(deploy["install_arg"], deploy["install_references"]),
            upgrade_arg=_argument(deploy["upgrade_arg"], deploy["upgrade_references"]),
        ),
    }


def _argument(encoded: bytes, references: Sequence[Mapping[str, Any]] | None) -> Any:
    """A Candid argument as text where that says the same bytes, else in hexadecimal."""
    wanted = Argument(
        bytes(encoded),
        tuple(
            Reference(one["canister"], one["offset"], one["textual"]) for one in references or ()
        ),
    )
    if wanted == EMPTY:
        return None
    try:
        text = decode_untyped(wanted.encoded).replace("${", "\\u{24}{")
        for one in wanted.references:
            text = text.replace(PLACEHOLDER_TEXT.decode(), f"${{canister:{one.canister}}}", 1)
        if encode(text, lambda: "", encode_untyped) == wanted:
            return text
    except (CandidError, ValueError):
        pass
    return {"hex": wanted.encoded.hex()}
