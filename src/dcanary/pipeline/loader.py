"""From the bytes of a `dcanary.yml` to a `PipelineFile`, or to all that is wrong with it."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dcanary import not_yet
from dcanary.pipeline import graph
from dcanary.pipeline.arguments import deploys_of, encode_arguments
from dcanary.pipeline.errors import FieldError, Location, PipelineFileError
from dcanary.pipeline.ids import put_ids
from dcanary.pipeline.images import resolve_images
from dcanary.pipeline.inputs import check_inputs
from dcanary.pipeline.limits import MAX_ERRORS, MAX_FILE_BYTES
from dcanary.pipeline.locks import check_locks
from dcanary.pipeline.matrix import expand
from dcanary.pipeline.model import KINDS, PipelineFile
from dcanary.pipeline.references import ANY, Installation
from dcanary.pipeline.source import Source, read_source
from dcanary.pipeline.spellings import read_spellings

FILE_NAME = "dcanary.yml"


def load_pipeline(path: Path | str, installation: Installation = ANY) -> PipelineFile:
    """Read and check a pipeline file. Raises PipelineFileError, with every error in the file."""
    path = Path(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"cannot be read: {reason}"
        raise PipelineFileError([FieldError(str(path), 1, 1, "", message)]) from error
    return parse_pipeline(content, str(path), path.parent, installation)


def parse_pipeline(
    content: bytes,
    file: str = FILE_NAME,
    folder: Path | None = None,
    installation: Installation = ANY,
) -> PipelineFile:
    """Check the content of a pipeline file; `file` is the name that errors carry.

    `folder` has the files that it names; without it they are not looked at. `installation` is the
    one that it is for. Raises PipelineFileError, with every error in the file (at most MAX_ERRORS).
    """
    source = read_source(content, file)
    pipeline: PipelineFile | None = None
    if not isinstance(source.value, dict):
        source.report((), "must be a mapping that starts with version: 1")
    else:
        read_spellings(source)
        expand(source)
        encode_arguments(source, folder, installation)
        put_ids(source, installation)
        resolve_images(source, folder)
        check_locks(source, folder)
        check_inputs(source, folder)
        try:
            pipeline = PipelineFile.model_validate(source.value)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                _report(source, detail)
        for location, message in graph.findings(source.value):
            source.report(location, message)
    if source.errors or pipeline is None:
        raise PipelineFileError(list(dict.fromkeys(source.errors))[:MAX_ERRORS])
    return pipeline


def _report(source: Source, detail: ErrorDetails) -> None:
    location: Location = tuple(part for part in detail["loc"] if part != "[key]")
    if location[:2] == ("deploy", 0) and ("deploy",) in dict(deploys_of(source.value)):
        # One target may be written without a list around it.
        location = ("deploy", *location[2:])
    message = _message(detail, location)
    # The third part of a stage's location is its kind, which stands nowhere in the file.
    if location[:1] == ("stages",) and location[2:3] and location[2] in KINDS:
        location = (*location[:2], *location[3:])
    source.report(location, message)


def _message(detail: ErrorDetails, location: Location) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden" and location[-1] in not_yet.PLANNED_KEYS:
        return not_yet.KEYS.sentence()
    if kind == "extra_forbidden":
        return f"is not a known key here: use one of {', '.join(_known_keys(location[:-1]))}"
    if kind == "literal_error":
        return f"must be {context['expected']}".replace("'", "")
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"{words} {context[key]}"
    if kind in ("too_long", "too_short"):
        bound = context["max_length"] if kind == "too_long" else context["min_length"]
        return f"must have at {'most' if kind == 'too_long' else 'least'} {bound} entries"
    if kind == "string_too_short":
        return "must not be empty"
    if kind == "string_too_long":
        return f"must have at most {context['max_length']} characters"
    if kind in _TYPES:
        return _TYPES[kind]
    return detail["msg"][0].lower() + detail["msg"][1:]


_BOUNDS = {
    "greater_than_equal": ("must be at least", "ge"),
    "less_than_equal": ("must be at most", "le"),
}
_TYPES = {
    "string_type": "must be text: put it in quotes",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
}


def _known_keys(location: Location) -> list[str]:
    """The keys of the model at a location."""
    model: Any = PipelineFile
    for part in location:
        if model is not PipelineFile and part in KINDS:
            model = KINDS[str(part)]
            continue
        field = getattr(model, "model_fields", {}).get(part)
        annotation = field.annotation if field else model
        model = _model_in(annotation)
        if model is None:
            return []
    return list(model.model_fields)


def _model_in(annotation: Any) -> Any:
    """The model class inside `X`, `X | None`, `list[X]` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in reversed(getattr(annotation, "__args__", ())):
        found = _model_in(inner)
        if found is not None:
            return found
    return None
