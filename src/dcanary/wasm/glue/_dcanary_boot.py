"""The first module that runs in the interpreter of a canister, at build time.

It imports the canister from the in-memory tree of compiled files, without ever listing a folder:
only the files that are imported can have an effect on the module that is built.
"""

import _frozen_importlib
import _frozen_importlib_external
import gc
import marshal
import sys

_ROOTS = ("/guest", "/app", "/python")


class _Loader:
    def __init__(self, path, source):
        self._path = path
        self._source = source

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        with open(self._path, "rb", buffering=0) as file:
            code = marshal.loads(file.readall()[16:])
        exec(code, module.__dict__)

    def get_source(self, name):
        return None


def _exists(path):
    try:
        open(path, "rb", buffering=0).close()
    except OSError:
        return False
    return True


class _Finder:
    """Finds compiled modules by trying their names."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        tail = name.rpartition(".")[2]
        for root in _ROOTS if path is None else path:
            base = f"{root}/{tail}"
            for file, search in ((f"{base}/__init__.pyc", [base]), (f"{base}.pyc", None)):
                if _exists(file):
                    return _spec(name, file, search)
            if path is not None or root == "/app":
                if _exists(f"{base}/.folder"):
                    spec = _frozen_importlib.ModuleSpec(name, None, is_package=True)
                    spec.submodule_search_locations = [base]
                    return spec
        return None


def _spec(name, file, search):
    spec = _frozen_importlib.ModuleSpec(
        name, _Loader(file, file[:-1]), origin=file[:-1], is_package=search is not None
    )
    spec.submodule_search_locations = search
    spec.has_location = False
    return spec


class _NoMoreModules:
    """Stands in for the finder once the canister runs."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        raise ModuleNotFoundError(
            f"module '{name}' was not imported when the canister was built, so it is not part of "
            "the canister; import it at the top of a module",
            name=name,
        )


def describe(exception):
    """Return the text of a traceback, without the lines of source that a canister has not."""
    parts = []
    seen = set()
    while exception is not None and id(exception) not in seen and len(parts) < 8:
        seen.add(id(exception))
        parts.append(_describe_one(exception))
        if exception.__cause__ is not None:
            exception = exception.__cause__
        elif exception.__suppress_context__:
            exception = None
        else:
            exception = exception.__context__
    return "\n\n".join(reversed(parts))


def _describe_one(exception):
    lines = ["Traceback (most recent call last):"]
    frames = _frames(exception)
    if len(frames) > 40:
        frames[20:-20] = [("...", 0, f"{len(frames) - 40} more")]
    lines.extend(f'  File "{file}", line {line}, in {name}' for file, line, name in frames)
    lines.append(f"{type(exception).__name__}: {exception}")
    return "\n".join(lines)


def _frames(exception):
    frames = []
    trace = exception.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename != __file__ and not code.co_filename.startswith("<frozen "):
            frames.append((code.co_filename, trace.tb_lineno, code.co_qualname))
        trace = trace.tb_next
    return frames


def _fields(*items):
    """Join texts with their lengths: the host's answer format."""
    return b"".join(
        len(data).to_bytes(4, "little") + data
        for data in (item if isinstance(item, bytes) else item.encode() for item in items)
    )


def _unfields(data):
    items = []
    while data:
        size = int.from_bytes(data[:4], "little")
        items.append(bytes(data[4 : 4 + size]))
        data = data[4 + size :]
    return items


def _without_docstrings(tree):
    """Take the docstrings out of a syntax tree: a canister has no use for them."""
    import ast

    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                if isinstance(body[0].value.value, str):
                    body[0] = ast.copy_location(ast.Pass(), body[0])
    return tree


def compile_file(request):
    """Compile (file name, optimisation, source) to the bytes of a .pyc file.

    Optimisation 0 keeps assertions and drops docstrings; 2 drops both.
    Answers ("ok", bytes) or ("error", type, message, line).
    """
    name, level, source = _unfields(request)
    try:
        tree = source
        if level == b"\0":
            tree = _without_docstrings(compile(source, name.decode(), "exec", 0x400, True))
        code = compile(tree, name.decode(), "exec", dont_inherit=True, optimize=level[0])
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as exception:
        line = str(getattr(exception, "lineno", None) or 0)
        message = getattr(exception, "msg", None) or str(exception)
        return _fields("error", type(exception).__name__, message, line)
    magic = _frozen_importlib_external.MAGIC_NUMBER
    return _fields("ok", magic + bytes(12) + marshal.dumps(code))


def compress(data):
    """Return `data` in gzip format without a time; this zlib is a pinned one, the host's is not."""
    import zlib

    stream = zlib.compressobj(6, zlib.DEFLATED, 31)
    return _fields(stream.compress(data) + stream.flush())


def load(main):
    """Import the canister.

    Answers ("ok", the guest's JSON) or ("error", type, message, traceback, file, line, name)*.
    """
    sys.path[:] = _ROOTS
    sys.meta_path[:] = [*sys.meta_path[:2], _Finder]
    sys.path_importer_cache.clear()
    try:
        import kybra._entry as entry

        return _fields("ok", entry.load(main.decode()))
    except BaseException as exception:
        frames = [text for row in _frames(exception) for text in (row[0], str(row[1]), row[2])]
        missing = getattr(exception, "name", None) if isinstance(exception, ImportError) else None
        if isinstance(exception, SyntaxError):
            frames += [exception.filename or "", str(exception.lineno or 0), ""]
        return _fields(
            "error",
            type(exception).__name__,
            str(exception),
            missing or "",
            describe(exception),
            *frames,
        )


def finish():
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
