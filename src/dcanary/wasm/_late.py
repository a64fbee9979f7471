"""Imports that come too late: inside functions, of modules that nothing imported at build time.

After the build there is no file system, so that they fail whenever they are reached. Kybra's own
tool bundles such modules; here only what is run is in the module.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from dcanary.wasm.errors import SourceError

_CAUGHT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def refuse_late_imports(root: Path, used: Mapping[str, bytes]) -> None:
    """Raise SourceError for the first import in a function that cannot succeed on chain.

    `used` are the canister's sources that were imported, by their paths below `root`. Modules of
    the standard library and of nobody are not looked for: the former may be there.
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


def _file_of(root: Path, module: str) -> str | None:
    """The file of a module below the root; None where there is none."""
    place = PurePosixPath(*module.split("."))
    for name in (f"{place}.py", f"{place}/__init__.py"):
        if (root / name).is_file():
            return name
    return None


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
    return any(isinstance(kind, ast.Name) and kind.id in _CAUGHT for kind in kinds)
