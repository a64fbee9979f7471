"""Python sources against the Kybra API: the `main.py` of each canister, and what it imports."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from dcanary.project.detectors.protocol import MAX_PROGRAMS, Findings
from dcanary.project.facts import Canister, Kind, KybraProgram, Place
from dcanary.project.folder import Folder, parent

MAIN = "main.py"
MAX_SOURCES = 1_000
_OWN = frozenset({"kybra", "__future__"})
_TEST_FOLDERS = frozenset({"test", "tests", "bench", "example", "examples", "docs"})


class Kybra:
    """Reads the programs of known canisters; takes other `main.py` files for canisters."""

    def detect(self, folder: Folder, found: Findings) -> None:
        """Add programs, and canisters that no manifest names."""
        sources = _Sources(folder)
        known = [one for one in found.canisters.values() if one.kind is Kind.KYBRA]
        for canister in known:
            main = canister.main or _guess(folder, canister)
            if main and main != canister.main:
                found.canisters[canister.name] = replace(canister, main=main)
            if folder.has(main) and (program := _program(sources, main)):
                found.kybra[main] = program
        if found.has_manifest():
            return
        for main in folder.named(MAIN)[:MAX_PROGRAMS]:
            if _TEST_FOLDERS.intersection(PurePosixPath(main).parts[:-1]):
                continue
            # Most files of that name have nothing to do with Kybra: they are not followed.
            program = _program(sources, main) if "kybra" in (folder.text(main) or "") else None
            if program is not None:
                found.kybra[main] = program
                name = found.name_for(main)
                found.add(Canister(name, Kind.KYBRA, (program.place,), main=main))


def _guess(folder: Folder, canister: Canister) -> str:
    """The program of a canister whose manifest names none, such as one with a build script."""
    for name in (f"src/{canister.name}/{MAIN}", f"canisters/{canister.name}/{MAIN}"):
        if folder.has(name):
            return name
    return ""


@dataclass(frozen=True)
class _Source:
    """What a file imports, with lines, and whether it has an `init` with an argument."""

    modules: tuple[tuple[str, int], ...] = ()
    takes_argument: bool = False


class _Sources:
    """The sources of a folder; each is parsed once."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._known: dict[str, _Source] = {}

    def of(self, file: str) -> _Source:
        """What a file says; nothing when it cannot be read."""
        if file not in self._known:
            tree = _tree(self.folder, file)
            self._known[file] = (
                _Source(tuple(_modules(tree, file)), _has_init_with_argument(tree))
                if tree is not None
                else _Source()
            )
        return self._known[file]


def _program(sources: _Sources, main: str) -> KybraProgram | None:
    """The program of a file; None when neither it nor what it imports uses Kybra."""
    folder = sources.folder
    kybra: Place | None = None
    packages: dict[str, Place] = {}
    takes_argument = False
    seen = {main}
    waiting = [main]
    while waiting:
        file = waiting.pop(0)
        source = sources.of(file)
        takes_argument = takes_argument or source.takes_argument
        for module, line in source.modules:
            place = Place(file, line)
            top = module.partition(".")[0]
            if top == "kybra":
                kybra = kybra or place
            if top in _OWN or top in sys.stdlib_module_names:
                continue
            local = _local(folder, module, main)
            if not local and not _is_package(folder, top, main):
                packages.setdefault(top, place)
            for name in local:
                if name not in seen and len(seen) < MAX_SOURCES:
                    seen.add(name)
                    waiting.append(name)
    if kybra is None:
        return None
    return KybraProgram(kybra, tuple(packages.items()), takes_argument)


def _tree(folder: Folder, file: str) -> ast.Module | None:
    text = folder.text(file)
    if text is None:
        return None
    try:
        with warnings.catch_warnings():
            # Of doubtful escapes in a stranger's source.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        folder.note(file, f"not valid Python: {error.msg}", error.lineno or 1)
    except (ValueError, RecursionError, MemoryError):
        folder.note(file, "not Python that can be read")
    return None


def _modules(tree: ast.Module, file: str) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, with its line; relative ones by their whole name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                yield one.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = PurePosixPath(file).parts[: -node.level] if node.level else ()
                base = ".".join([*parts, *([base] if base else [])])
            if base:
                yield base, node.lineno
                # `from package import module` may name a file of its own.
                for one in node.names:
                    yield f"{base}.{one.name}", node.lineno


def _roots(main: str) -> list[str]:
    """Where modules are looked for: the folder of main.py, and those above it."""
    roots = [parent(main)]
    while roots[-1] != ".":
        roots.append(parent(roots[-1]))
    return roots


def _local(folder: Folder, module: str, main: str) -> list[str]:
    """The files of a module of the folder; of its packages too, which are run before it."""
    parts = module.split(".")
    for root in _roots(main):
        prefix = "" if root == "." else f"{root}/"
        found = []
        for end in range(1, len(parts) + 1):
            path = prefix + "/".join(parts[:end])
            found += [one for one in (f"{path}.py", f"{path}/__init__.py") if folder.has(one)]
        if found:
            return found
    return []


def _is_package(folder: Folder, top: str, main: str) -> bool:
    """Whether a folder of Python files without `__init__.py` has that name."""
    return any(folder.has_folder(top if root == "." else f"{root}/{top}") for root in _roots(main))


def _has_init_with_argument(tree: ast.Module) -> bool:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.args.args:
            names = [one.id for one in node.decorator_list if isinstance(one, ast.Name)]
            if "init" in names:
                return True
    return False
