"""The JSON Schema for editors."""

import json

from dcanary.pipeline import json_schema


def test_the_schema_is_json_and_closes_every_object() -> None:
    schema = json.loads(json.dumps(json_schema()))
    assert schema["required"] == ["version", "name", "stages"]
    assert schema["additionalProperties"] is False
    assert all(model["additionalProperties"] is False for model in schema["$defs"].values())
    assert schema["$defs"]["Resources"]["properties"]["memory"]["default"] == "2GiB"
    assert schema["$defs"]["Deploy"]["properties"]["install_arg"]["default"] == "()"
    assert "on" in schema["properties"]


def test_the_schema_knows_the_other_spellings_too() -> None:
    schema = json_schema()
    assert schema["$defs"]["Resources"]["properties"]["memory_limit"]["type"] == "string"
    assert schema["$defs"]["Resources"]["properties"]["memory_pages"]["type"] == "integer"
    assert schema["$defs"]["Stage"]["properties"]["consensus_required"]["type"] == "integer"
    mapping, listed = schema["properties"]["stages"]["anyOf"]
    assert listed["items"] == mapping["additionalProperties"]
