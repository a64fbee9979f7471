"""Imports that come late: inside functions, when they are called.

After the build there is no file system, so that they fail unless the module is there already. What
comes from the standard library is imported before the canister is sealed; what cannot be had is
refused. Kybra's own tool bundles such modules, and packages; here only what is run is in the
module.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dcanary.wasm.errors import SourceError

_CAUGHT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_BUNDLED = frozenset({"kybra", "__future__"})
_BY_NAME = frozenset({"import_module", "__import__"})


@dataclass(frozen=True, slots=True)
class LateImport:
    """An import in a function: of a module, or of a name from it.

    `is_provided_for` tells that the canister can do without it.
    """

    file: str
    line: int
    module: str
    name: str = ""
    is_provided_for: bool = False

    @property
    def text(self) -> str:
        """As the boot module wants it."""
        return f"{self.module}:{self.name}" if self.name else self.module


def refuse_late_imports(root: Path, used: Mapping[str, bytes]) -> None:
    """Raise SourceError for the first import in a function that cannot succeed on chain.

    `used` are the canister's sources that were imported, by their paths below `root`. Modules of
    the standard library are not looked for: whether they are there shows when they are imported.
    """
    for late in _all_late(used):
        if late.is_provided_for:
            continue
        whole = [late.module, *([f"{late.module}.{late.name}"] if late.name else [])]
        for module in whole:
            found = _file_of(root, module)
            if found is not None and found not in used:
                raise SourceError(
                    f"{module} is imported when the function is called, and no file can be read "
                    "then: import it at the top of this file, or of another one of the canister",
                    path=str(root / late.file),
                    line=late.line,
                )
            if found is None and _is_nowhere(root, module):
                raise SourceError(
                    f"{module} is imported when the function is called, and there is no such "
                    "module: put it into the canister's folder and import it at the top of this "
                    "file, or catch the ImportError where the canister can do without it",
                    path=str(root / late.file),
                    line=late.line,
                )


def wanted_of_python(root: Path, used: Mapping[str, bytes]) -> list[LateImport]:
    """Return the late imports of modules that are neither the canister's nor kybra's."""
    return [
        late
        for late in _all_late(used)
        if late.module.partition(".")[0] not in _BUNDLED and not is_own(root, late.module)
    ]


def refuse_failed(root: Path, wanted: Sequence[LateImport], errors: Sequence[str]) -> None:
    """Raise SourceError for the first late import that failed, with what went wrong with it."""
    for late, error in zip(wanted, errors, strict=True):
        if error and not late.is_provided_for:
            what = f"{late.name} of {late.module}" if late.name else late.module
            raise SourceError(
                f"{what} is imported when the function is called, and a canister cannot have it "
                f"({error}): remove the import, or catch the ImportError where the canister can "
                "do without it",
                path=str(root / late.file),
                line=late.line,
            )


def is_own(root: Path, module: str) -> bool:
    """Whether a module is looked for in the canister's folder, before Python's own."""
    top = module.partition(".")[0]
    return (root / top).is_dir() or _file_of(root, top) is not None


def _all_late(used: Mapping[str, bytes]) -> Iterator[LateImport]:
    for file in sorted(used):
        yield from _late(file, used[file])


def _file_of(root: Path, module: str) -> str | None:
    """The file of a module below the root; None where there is none."""
    place = PurePosixPath(*module.split("."))
    for name in (f"{place}.py", f"{place}/__init__.py"):
        if (root / name).is_file():
            return name
    return None


def _is_nowhere(root: Path, module: str) -> bool:
    """Whether a module is of a package that neither Python, nor Kybra, nor the folder has."""
    top = module.partition(".")[0]
    if top.startswith("_") or top in sys.stdlib_module_names or top in _BUNDLED:
        return False
    return not is_own(root, top)


def read_tree(source: bytes) -> ast.Module | None:
    """Return the syntax tree of a source; None where this version of Python cannot read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # It was imported, so that it is Python; of a kind that this version does not read.
        return None


def _late(file: str, source: bytes) -> Iterator[LateImport]:
    """Imports in functions of a file, by their lines; without those for checkers of types."""
    tree = read_tree(source)
    found = [] if tree is None else list(_walk(file, tree))
    yield from sorted(found, key=lambda late: (late.line, late.module, late.name))


def _walk(file: str, tree: ast.Module) -> Iterator[LateImport]:
    waiting: list[tuple[ast.AST, bool, bool]] = [(tree, False, False)]
    while waiting:
        node, is_late, is_caught = waiting.pop()
        is_late = is_late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if is_late:
            yield from _imports(file, node, is_caught)
        if isinstance(node, ast.Try) and any(map(_catches, node.handlers)):
            waiting += [(each, is_late, is_caught) for each in (*node.handlers, *node.orelse)]
            waiting += [(each, is_late, is_caught) for each in node.finalbody]
            waiting += [(each, is_late, True) for each in node.body]
            continue
        if isinstance(node, ast.With) and any(_suppresses(one.context_expr) for one in node.items):
            is_caught = True
        if isinstance(node, ast.If) and last_name(node.test) == "TYPE_CHECKING":
            # For checkers of types: never run.
            waiting += [(each, is_late, is_caught) for each in node.orelse]
            continue
        waiting += [(each, is_late, is_caught) for each in ast.iter_child_nodes(node)]


def _imports(file: str, node: ast.AST, is_caught: bool) -> Iterator[LateImport]:
    if isinstance(node, ast.Import):
        for one in node.names:
            yield LateImport(file, node.lineno, one.name, "", is_caught)
    elif isinstance(node, ast.ImportFrom) and (base := _base(file, node)):
        for one in node.names:
            yield LateImport(file, node.lineno, base, one.name, is_caught)
    elif isinstance(node, ast.Call) and last_name(node.func) in _BY_NAME and node.args:
        name = node.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            # A function of that name may be the canister's own: never refused.
            module = name.value
            if all(part.isidentifier() for part in module.split(".")):
                yield LateImport(file, node.lineno, module, "", is_provided_for=True)


def _base(file: str, node: ast.ImportFrom) -> str:
    """The whole name of the module that is imported from."""
    if not node.level:
        return node.module or ""
    folders = PurePosixPath(file).parts[: -node.level]
    return ".".join([*folders, *([node.module] if node.module else [])])


def _catches(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(last_name(kind) in _CAUGHT for kind in kinds)


def _suppresses(context: ast.expr) -> bool:
    """Whether it is `contextlib.suppress` of a failed import."""
    if not isinstance(context, ast.Call) or last_name(context.func) != "suppress":
        return False
    return any(last_name(kind) in _CAUGHT for kind in context.args)


def last_name(node: ast.expr) -> str:
    """The last part of a name such as `typing.TYPE_CHECKING`; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
