"""The keys of `dcanary.yml` from the model: path, type, range and default of each."""

from __future__ import annotations

from typing import Any

from dcanary.pipeline.schema import own_schema

Row = tuple[str, str, str, str]
"""Path, type, range, default: as the page writes them."""


_KINDS = {"Stage": "NAME", "FetchStage": "FETCH"}
"""What the page writes for the name of a stage, by the model of its kind."""


def expected() -> list[Row]:
    """One row per key, in the order of the file."""
    schema = own_schema()
    return list(_rows(schema, schema["$defs"], "", set()))


def _rows(model: dict[str, Any], defs: dict[str, Any], prefix: str, told: set[str]) -> list[Row]:
    """The rows of a model; one that a second kind of stage has, too, is not told again."""
    if model.get("title") == "Needs":
        if "Needs" in told:
            return []
        told.add("Needs")
    found: list[Row] = []
    required = set(model.get("required", []))
    for name, field in model["properties"].items():
        path = f"{prefix}{name}"
        field = _present(field)
        inner, inside = _inner_model(field, defs, path)
        default = "required" if name in required else _default(field)
        found.append((path, _type(field, inner is not None), _range(field), default))
        if inner is not None:
            found += _rows(inner, defs, inside, told)
        for kind in _kinds(field):
            found += _rows(defs[kind], defs, f"{path}.{_KINDS[kind]}.", told)
    return found


def _kinds(field: dict[str, Any]) -> list[str]:
    """The models of a mapping whose values are of several kinds."""
    values = field.get("additionalProperties")
    several = values.get("oneOf", []) if isinstance(values, dict) else []
    return [one["$ref"].rpartition("/")[2] for one in several]


def _present(field: dict[str, Any]) -> dict[str, Any]:
    """A field that may be left out, as it is when it is there."""
    kinds = [one for one in field.get("anyOf", ()) if one != {"type": "null"}]
    return {**kinds[0], "default": field.get("default")} if len(kinds) == 1 else field


def _inner_model(
    field: dict[str, Any], defs: dict[str, Any], path: str
) -> tuple[dict[str, Any] | None, str]:
    for one in (field, *field.get("anyOf", ())):
        if "$ref" in one:
            return defs[one["$ref"].rpartition("/")[2]], f"{path}."
    items = field.get("items", {})
    if "$ref" in items:
        return defs[items["$ref"].rpartition("/")[2]], f"{path}[]."
    values = field.get("additionalProperties")
    if isinstance(values, dict) and "$ref" in values:
        return defs[values["$ref"].rpartition("/")[2]], f"{path}.NAME."
    return None, ""


def _type(field: dict[str, Any], has_model: bool) -> str:
    kinds = {"string": "text", "integer": "number", "boolean": "true or false", "null": "nothing"}
    if "oneOf" in field:
        return "Candid argument"
    if "enum" in field or "const" in field:
        return "number" if isinstance(field.get("const"), int) else "one of"
    if _is_number_or_mapping(field):
        return "number, or mapping"
    if has_model and any(one.get("type") == "array" for one in field.get("anyOf", ())):
        return "mapping, or list of them"
    kind = field.get("type")
    if kind == "array":
        return "list of mappings" if has_model else "list of texts"
    if kind == "object" or has_model:
        return "mapping"
    if kind == "string" and "examples" in field:
        return "text with a unit"
    return kinds[str(kind)]


def _is_number_or_mapping(field: dict[str, Any]) -> bool:
    return [one.get("type") for one in field.get("anyOf", ())] == ["integer", "object"]


def _range(field: dict[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "examples" in field:
        return str(field["description"]).replace(" to ", " to ")
    number = field["anyOf"][0] if _is_number_or_mapping(field) else field
    low, high = number.get("minimum"), number.get("maximum")
    if low is not None:
        return f"{low} to {high}"
    few = field.get("minItems", field.get("minProperties"))
    many = field.get("maxItems", field.get("maxProperties"))
    if many is not None:
        return f"{few or 0} to {many} entries"
    return ""


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None or value == [] or value == {} or isinstance(value, dict):
        return ""
    return f"`{value}`"
