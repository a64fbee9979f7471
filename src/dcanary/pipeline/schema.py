"""The JSON Schema of a `dcanary.yml`, for editors. The parser checks more than a schema can say."""

from typing import Any

from dcanary.pipeline.model import PipelineFile
from dcanary.pipeline.spellings import add_spellings


def json_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of version 1 of the format, with its other spellings."""
    schema = own_schema()
    add_spellings(schema)
    return schema


def own_schema() -> dict[str, Any]:
    """`json_schema` of the format's own keys alone."""
    schema = PipelineFile.model_json_schema(mode="validation")
    for model in (schema, *schema["$defs"].values()):
        for field in model["properties"].values():
            _write_default_as_text(field)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _write_default_as_text(field: dict[str, Any]) -> None:
    # Quantities and arguments are held as numbers and bytes, but written as text in the file.
    if field.get("type") == "string" and isinstance(field.get("default"), int):
        field["default"] = field["examples"][0]
    elif "oneOf" in field and "default" in field:
        field["default"] = "()"
