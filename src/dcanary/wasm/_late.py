"""Imports that come too late: inside functions, of modules that nothing imported at build time.

After the build there is no file system, so that they fail whenever they are reached. Kybra's own
tool bundles such modules, and packages; here only what is run is in the module.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from dcanary.wasm.errors import SourceError

_CAUGHT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_BUNDLED = frozenset({"kybra", "__future__"})


def refuse_late_imports(root: Path, used: Mapping[str, bytes]) -> None:
    """Raise SourceError for the first import in a function that cannot succeed on chain.

    `used` are the canister's sources that were imported, by their paths below `root`. Modules of
    the standard library are not looked for: they may be there.
    """
    for file in sorted(used):
        for module, line in _late(file, used[file]):
            found = _file_of(root, module)
            if found is not None and found not in used:
                raise SourceError(
                    f"{module} is imported when the function is called, and no file can be read "
                    "then: import it at the top of this file, or of another one of the canister",
                    path=str(root / file),
                    line=line,
                )
            if found is None and _is_nowhere(root, module):
                raise SourceError(
                    f"{module} is imported when the function is called, and there is no such "
                    "module: put it into the canister's folder and import it at the top of this "
                    "file, or catch the ImportError where the canister can do without it",
                    path=str(root / file),
                    line=line,
                )


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
    return not (root / top).is_dir() and _file_of(root, top) is None


def _late(file: str, source: bytes) -> Iterator[tuple[str, int]]:
    """Modules that functions of a file import, but where it is caught that they are missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # It was imported, so that it is Python; of a kind that this version does not read.
        return
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, is_late = waiting.pop()
        is_late = is_late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if is_late and isinstance(node, ast.Import):
            yield from ((one.name, node.lineno) for one in node.names)
        elif is_late and isinstance(node, ast.ImportFrom):
            base = _base(file, node)
            if base:
                yield base, node.lineno
                yield from ((f"{base}.{one.name}", node.lineno) for one in node.names)
        if isinstance(node, ast.Try) and any(map(_catches, node.handlers)):
            waiting += [(each, is_late) for each in (*node.handlers, *node.orelse)]
            continue
        if isinstance(node, ast.With) and any(_suppresses(one.context_expr) for one in node.items):
            continue
        if isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING":
            # For checkers of types: never run.
            waiting += [(each, is_late) for each in node.orelse]
            continue
        waiting += [(each, is_late) for each in ast.iter_child_nodes(node)]


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
    return any(_name(kind) in _CAUGHT for kind in kinds)


def _suppresses(context: ast.expr) -> bool:
    """Whether it is `contextlib.suppress` of a failed import."""
    if not isinstance(context, ast.Call) or _name(context.func) != "suppress":
        return False
    return any(_name(kind) in _CAUGHT for kind in context.args)


def _name(node: ast.expr) -> str:
    """The last part of a name such as `typing.TYPE_CHECKING`; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
