"""Tests hold what DCanary does, not how: none uses a private name of the product."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ALLOWED = {
    "_be": "pocket_ic answers a rejected call only through it",
    "_bindings": "wasmtime's C API, which the host of the tests needs",
    "_exit": "os._exit is public",
    "_fields": "ic-py has no other way to the fields of a record type",
    "_instance_get": "pocket_ic has no method for this endpoint",
    "_instance_post": "pocket_ic has no method for this endpoint",
    "_open": "a public name would be one more method of Kybra's StableBTreeMap",
    "_value_candid": "a public name would be one more attribute of Kybra's StableBTreeMap",
}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def is_module(package: str | None, name: str) -> bool:
    """An inner file of a package, such as `dcanary.wasm._tools`: its public names may be tested."""
    return (
        package is not None and (ROOT / "src" / package.replace(".", "/") / f"{name}.py").exists()
    )


def private_names(source: str) -> Iterator[tuple[int, str]]:
    """(line, name) of every private name that is taken from something other than self or cls."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")):
                yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom):
            for name in (alias.name for alias in node.names):
                if is_private(name) and not is_module(node.module, name):
                    yield node.lineno, name
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("attr"):
            for argument in node.args[:2]:
                text = argument.value if isinstance(argument, ast.Constant) else None
                if isinstance(text, str) and is_private(text.rpartition(".")[2]):
                    yield node.lineno, text.rpartition(".")[2]


def found() -> dict[str, list[str]]:
    """Private name -> where tests use it."""
    places: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for line, name in private_names(path.read_text(encoding="utf-8")):
            places.setdefault(name, []).append(f"{path.relative_to(ROOT)}:{line}")
    return places


def test_no_test_uses_a_private_name() -> None:
    assert {name: places for name, places in found().items() if name not in ALLOWED} == {}


def test_what_is_allowed_is_still_used() -> None:
    assert set(ALLOWED) <= set(found())


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("engine._core.subnet", ["_core"]),
        ("from dcanary.wasm._snapshot import _data_section", ["_data_section"]),
        ("monkeypatch.setattr('dcanary.executor.executor._DENIED', 1)", ["_DENIED"]),
        ("patch.setattr(instance, '_QUERY_TICKS', 1)", ["_QUERY_TICKS"]),
        ("self._folder, cls._made, module.__file__, engine.core", []),
        ("from dcanary.wasm import _tools", []),
    ],
)
def test_a_private_name_is_found(source: str, names: list[str]) -> None:
    assert [name for _, name in private_names(source)] == names
