"""Who may import whom: the table of the architecture, checked on every source file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "dcanary"
CANISTERS = ROOT / "canisters"
SHARED = ROOT / "shared"

# package -> the other packages it may import. `candid` is a leaf that all may use.
ALLOWED = {
    "candid": {"wasm"},  # the guest's codec, loaded from there
    "wasm": set(),
    "replica": {"candid"},
    "pipeline": set(),
    "client": {"candid"},
    "executor": {"client", "pipeline"},
    "forge": set(),
    "testing": {"executor", "client", "forge", "pipeline", "replica", "wasm", "candid"},
    "cli": {"executor", "candid", "client", "forge", "pipeline", "replica", "wasm"},
}
# Besides entry points and store, the files that act: they read the store, apply rules, write the
# store and send messages. Everything else in a canister is a rule and knows neither.
# `records` holds the types of stored records.
ACTING = {
    "build_executor": {"dispatch", "views"},
    "deployment": {"desk", "driving", "management"},
    "pipeline_config": {"book", "editing", "starting", "trigger_sync"},
    "verification": {"asking", "sending", "views", "voting"},
    "webhook": {"dispatch", "ledger", "registry"},
}


def running(tree: ast.Module) -> Iterator[ast.AST]:
    """Nodes that run: what is under `if TYPE_CHECKING` only serves mypy."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def imports(path: Path, package: tuple[str, ...]) -> set[str]:
    """Dotted names that a file imports; relative ones resolved within `package`."""
    found = set()
    for node in running(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - node.level + 1]
                found.add(".".join((*base, node.module or "")).rstrip("."))
            elif node.module == "dcanary":
                found.update(f"dcanary.{alias.name}" for alias in node.names)
            elif node.module:
                found.add(node.module)
    return found


def host_files() -> list[Path]:
    guest = PACKAGE / "wasm" / "guest"
    glue = PACKAGE / "wasm" / "glue"
    return [
        path
        for path in sorted(PACKAGE.rglob("*.py"))
        if guest not in path.parents and glue not in path.parents and path.parent != PACKAGE
    ]


@pytest.mark.parametrize("path", host_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_package_imports_only_what_the_table_allows(path: Path) -> None:
    relative = path.relative_to(PACKAGE)
    own = relative.parts[0]
    package = ("dcanary", *relative.parts[:-1])
    for name in imports(path, package):
        parts = name.split(".")
        if parts[0] == "dcanary" and len(parts) > 1 and (PACKAGE / parts[1]).is_dir():
            assert parts[1] == own or parts[1] in ALLOWED[own], f"{own} imports {name}"


def canister_files() -> list[Path]:
    return sorted([*CANISTERS.rglob("*.py"), *SHARED.rglob("*.py")])


@pytest.mark.parametrize("path", canister_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_canister_imports_shared_and_itself_only(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    own = ".".join(parts[:2]) if parts[0] == "canisters" else "shared"
    for name in imports(path, parts[:-1]):
        top = name.split(".")[0]
        if top == "canisters":
            assert name == own or name.startswith(f"{own}."), f"{own} imports {name}"
        assert top not in ("dcanary", "ic"), f"{own} imports {name}"


def rule_files() -> list[Path]:
    return [
        path
        for path in canister_files()
        if path.parent.name in ACTING
        and path.stem not in {"__init__", "main", "store", "records"} | ACTING[path.parent.name]
    ]


@pytest.mark.parametrize("path", rule_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_rule_knows_neither_kybra_nor_the_store(path: Path) -> None:
    """So that pytest runs it in microseconds."""
    own = f"canisters.{path.parent.name}"
    for name in imports(path, ("canisters", path.parent.name)):
        assert name.split(".")[0] != "kybra"
        assert name not in {f"{own}.store", f"{own}.main"}
        assert name not in {f"{own}.{acting}" for acting in ACTING[path.parent.name]}


def test_every_package_is_in_the_table() -> None:
    packages = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert packages == set(ALLOWED)
