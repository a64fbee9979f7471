"""A template that is valid, to be changed by tests."""

from __future__ import annotations

from typing import Any


def parameter(name: str, kind: str = "Text", **changes: Any) -> Any:
    made: dict[str, Any] = {
        "name": name,
        "kind": {kind: None},
        "default": ["app"] if kind == "Text" else [],
        "pattern": None,
        "about": "What it is.",
    }
    return {**made, **changes}


def template(**changes: Any) -> Any:
    made: dict[str, Any] = {
        "name": "starter",
        "category": "motoko",
        "description": "One canister.",
        "parameters": [parameter("name")],
        "text": "version: 1\nname: {{name}}\n",
        "shipped": None,
    }
    return {**made, **changes}
