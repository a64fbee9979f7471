"""The first module that runs in the interpreter of a canister, at build time.

It imports the canister from the in-memory tree of compiled files, without ever listing a folder:
only the files that are imported can have an effect on the module that is built.
"""

# This module and what it imports end up in every canister: no pathlib, no typing at run time.
# ruff: noqa: PTH123, S102, S302

import _frozen_importlib
import _frozen_importlib_external
import gc
import marshal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from _frozen_importlib import ModuleSpec
    from collections.abc import Iterable
    from types import CodeType, ModuleType

_ROOTS = ["/guest", "/app", "/python"]
_MOST_FRAMES = 40
_MOST_CHAINED = 8
_ONLY_TREE = 0x400  # ast.PyCF_ONLY_AST


class _Loader:
    """Loads one compiled file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        with open(self._path, "rb", buffering=0) as file:
            code = marshal.loads(file.readall()[16:])
        exec(code, module.__dict__)

    def get_source(self, name: str) -> None:
        return None


def _exists(path: str) -> bool:
    try:
        open(path, "rb", buffering=0).close()
    except OSError:
        return False
    return True


class _Finder:
    """Finds compiled modules by trying their names."""

    @staticmethod
    def find_spec(
        name: str, path: Iterable[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        tail = name.rpartition(".")[2]
        for root in _ROOTS if path is None else path:
            base = f"{root}/{tail}"
            if _exists(f"{base}/__init__.pyc"):
                return _spec(name, f"{base}/__init__.pyc", [base])
            if _exists(f"{base}.pyc"):
                return _spec(name, f"{base}.pyc", None)
            if root.startswith("/app") and _exists(f"{base}/.folder"):
                return _spec(name, None, [base])
        return None


def _spec(name: str, file: str | None, search: list[str] | None) -> ModuleSpec:
    """Return the spec of a module, or of a namespace package (no file)."""
    loader = None if file is None else _Loader(file)
    spec = _frozen_importlib.ModuleSpec(
        name,
        loader,  # type: ignore[arg-type]  # the protocol is met, the class is not
        origin=None if file is None else file[:-1],
        is_package=search is not None,
    )
    spec.submodule_search_locations = search
    return spec


class _NoMoreModules:
    """Stands in for the finder once the canister runs."""

    @staticmethod
    def find_spec(
        name: str, path: Iterable[str] | None = None, target: ModuleType | None = None
    ) -> None:
        raise ModuleNotFoundError(
            f"module '{name}' was not imported when the canister was built, so it is not part of "
            "the canister; import it at the top of a module",
            name=name,
        )


def describe(exception: BaseException | None) -> str:
    """Return the text of a traceback, without the lines of source that a canister has not."""
    parts: list[str] = []
    while exception is not None and len(parts) < _MOST_CHAINED:
        parts.append(_describe_one(exception))
        if exception.__cause__ is not None:
            exception = exception.__cause__
        else:
            exception = None if exception.__suppress_context__ else exception.__context__
    return "\n\n".join(reversed(parts))


def _describe_one(exception: BaseException) -> str:
    lines = ["Traceback (most recent call last):"]
    rows = [f'  File "{file}", line {line}, in {name}' for file, line, name in _frames(exception)]
    if len(rows) > _MOST_FRAMES:
        half = _MOST_FRAMES // 2
        rows[half:-half] = [f"  ... {len(rows) - _MOST_FRAMES} more calls ..."]
    lines.extend(rows)
    try:
        text = str(exception)
    except BaseException:
        text = "(its text cannot be made)"
    lines.append(f"{type(exception).__name__}: {text}")
    return "\n".join(lines)


def _frames(exception: BaseException) -> list[tuple[str, int, str]]:
    frames = []
    trace = exception.__traceback__
    while trace is not None:
        code: CodeType = trace.tb_frame.f_code
        if code.co_filename != __file__ and not code.co_filename.startswith("<frozen "):
            frames.append((code.co_filename, trace.tb_lineno, code.co_qualname))
        trace = trace.tb_next
    return frames


def _fields(*items: str | bytes) -> bytes:
    """Join texts with their lengths: the host's answer format."""
    parts = []
    for item in items:
        data = item if isinstance(item, bytes) else item.encode("utf-8", "backslashreplace")
        parts.append(len(data).to_bytes(4, "little") + data)
    return b"".join(parts)


def _unfields(data: bytes) -> list[bytes]:
    items = []
    while data:
        size = int.from_bytes(data[:4], "little")
        items.append(data[4 : 4 + size])
        data = data[4 + size :]
    return items


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """Take the docstrings out of a syntax tree: a canister has no use for them."""
    import ast

    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        match node.body:
            case [ast.Expr(value=ast.Constant(value=str())) as text, *_]:
                del node.body[0]
                if not node.body and not isinstance(node, ast.Module):
                    node.body.append(ast.copy_location(ast.Pass(), text))
    return tree


def compile_file(request: bytes) -> bytes:
    """Compile (file name, optimisation, source) to the bytes of a .pyc file.

    Optimisation 0 keeps assertions and drops docstrings; 2 drops both.
    Answers ("ok", bytes) or ("error", type, message, line).
    """
    name, level, source = _unfields(request)
    try:
        if level == b"\0":
            tree: ast.Module = compile(source, name.decode(), "exec", _ONLY_TREE, True)
            code = compile(_without_docstrings(tree), name.decode(), "exec", 0, True, 0)
        else:
            code = compile(source, name.decode(), "exec", 0, True, level[0])
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as exception:
        line = str(getattr(exception, "lineno", None) or 0)
        message = getattr(exception, "msg", None) or str(exception)
        return _fields("error", type(exception).__name__, message, line)
    return _fields("ok", _frozen_importlib_external.MAGIC_NUMBER + bytes(12) + marshal.dumps(code))


def compress(data: bytes) -> bytes:
    """Return `data` in gzip format without a time; this zlib is a pinned one, the host's is not."""
    import zlib

    stream = zlib.compressobj(6, zlib.DEFLATED, 31)
    return _fields(stream.compress(data) + stream.flush())


def load(main: bytes) -> bytes:
    """Import the canister.

    Answers ("ok", the guest's JSON), or ("error", type, message, name of a missing module,
    traceback) followed by file, line and function of each frame.
    """
    sys.path[:] = _ROOTS
    sys.meta_path[:] = [*sys.meta_path[:2], _Finder]
    sys.path_importer_cache.clear()
    try:
        from kybra import _entry  # type: ignore[attr-defined]  # the guest's

        return _fields("ok", _entry.load(main.decode()))
    except BaseException as exception:
        rows = [text for file, line, name in _frames(exception) for text in (file, str(line), name)]
        missing = getattr(exception, "name", None) if isinstance(exception, ImportError) else None
        try:
            message = str(exception)
        except BaseException:
            message = ""
        kind = type(exception).__name__
        return _fields("error", kind, message, missing or "", describe(exception), *rows)


def preload(request: bytes) -> bytes:
    """Import what functions import when they are called: later there are no files.

    The request has lines of imports ("module", or "module:name" for what is imported from it), of
    names of encodings, and of "module other other ...": what functions of a module of the standard
    library import. Only the imports have to succeed: answers for each of them what went wrong.
    """
    import codecs

    imports, encodings, rows = (part.decode().splitlines() for part in _unfields(request))
    errors = [_import_late(one) for one in imports]
    for name in encodings:
        try:
            codecs.lookup(name)
        except Exception:  # no encoding, only a text that might have been one
            continue
    waiting = [row.split() for row in rows]
    while True:
        ready = [row for row in waiting if row[0] in sys.modules]
        if not ready:
            return _fields(*errors)
        waiting = [row for row in waiting if row[0] not in sys.modules]
        for _, *others in ready:
            for other in others:
                _import_late(other)


def _import_late(text: str) -> str:
    """Import a module, or a name from it; return what went wrong."""
    module, _, name = text.partition(":")
    try:
        __import__(module)
        if name and not hasattr(sys.modules[module], name):
            __import__(f"{module}.{name}")
    except BaseException as exception:  # SystemExit too: the build says which import it was
        return " ".join(f"{type(exception).__name__}: {exception}".split())
    return ""


def finish() -> None:
    """Leave nothing behind that the running canister does not need."""
    sys.meta_path[:] = [*sys.meta_path[:2], _NoMoreModules]
    sys.path_importer_cache.clear()
    sys.path_hooks.clear()
    for name in ("linecache", "tokenize"):
        cache = getattr(sys.modules.get(name), "cache", None)
        if cache is not None:
            cache.clear()
    gc.collect()
    gc.freeze()
