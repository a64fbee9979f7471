"""Building one canister from its sources."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dcanary.wasm import _canister, _files, _snapshot, _stdlib
from dcanary.wasm._canister import Layout
from dcanary.wasm._interpreter import GuestError, Interpreter
from dcanary.wasm._late import refuse_late_imports
from dcanary.wasm._preload import preload
from dcanary.wasm._template import Template, ensure_template
from dcanary.wasm._tree import Fixed, Sources, Tree
from dcanary.wasm._validate import check_module
from dcanary.wasm.errors import BuildError, SourceError

GUEST = Path(__file__).resolve().parent / "guest"
"""The folder that holds the guest package `kybra`."""


@dataclass(frozen=True, slots=True)
class BuiltCanister:
    """A canister's module, its gzipped form, its Candid interface, and what names them.

    `module_hash` is the SHA-256 that a replica reports when `wasm` is installed as it is;
    `module_hash_gz` the one it reports for `wasm_gz`. Both hexadecimal. `duration` is in seconds
    and contains the time for the runtime template when that had to be built. `sources` are the
    files that the module was made from: "app/..." of the canister, "guest/..." of kybra.
    """

    name: str
    wasm: bytes = field(repr=False)
    wasm_gz: bytes = field(repr=False)
    did: str = field(repr=False)
    module_hash: str
    module_hash_gz: str
    template_key: str
    source_digest: str
    sources: tuple[str, ...]
    duration: float


def build_canister(
    main: Path,
    *,
    out: Path | None = None,
    name: str | None = None,
    progress: Callable[[str], None] | None = None,
    cache: Path | None = None,
    guest: Path | None = None,
    node_modules: Path | None = None,
) -> BuiltCanister:
    """Build the canister whose main module is `main` (a .py file, or a folder with a main.py).

    With `out`, writes NAME.wasm, NAME.wasm.gz and NAME.did there, each atomically. `name` defaults
    to the name of the folder of main.py. `progress` gets one line per step, and what the canister
    prints while it is imported. `cache` is the folder for the runtime template (default: the user's
    cache folder), `guest` the folder with the package `kybra` (default: the one of this package),
    `node_modules` the npm folder with binaryen.

    The same sources give the same bytes, whatever folder, user and settings.

    Raises SourceError when the canister's sources are wrong, ToolError when a tool of the build
    is missing or fails, LimitError when the module breaks a limit of the Internet Computer, and
    BuildError for anything else; each says in one sentence what to do.
    """
    started = time.monotonic()
    say = progress or (lambda line: None)
    layout = _canister.find_layout(main, name)
    template = ensure_template(cache, say, node_modules=node_modules)
    say(f"building {layout.name}")
    made = _make(template, layout, guest or GUEST, say)
    built = BuiltCanister(
        name=layout.name,
        wasm=made.wasm,
        wasm_gz=made.wasm_gz,
        did=made.did,
        module_hash=hashlib.sha256(made.wasm).hexdigest(),
        module_hash_gz=hashlib.sha256(made.wasm_gz).hexdigest(),
        template_key=template.key,
        source_digest=made.digest,
        sources=made.sources,
        duration=time.monotonic() - started,
    )
    if out is not None:
        _write(built, out)
    return built


def _write(built: BuiltCanister, out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        _files.write_atomically(out / f"{built.name}.wasm", built.wasm)
        _files.write_atomically(out / f"{built.name}.wasm.gz", built.wasm_gz)
        _files.write_atomically(out / f"{built.name}.did", built.did.encode())
    except OSError as error:
        raise BuildError(
            f"the result cannot be written to {out} ({error.strerror or error}); "
            "name a folder that can be written"
        ) from None


@dataclass(frozen=True, slots=True)
class _Made:
    wasm: bytes
    wasm_gz: bytes
    did: str
    digest: str
    sources: tuple[str, ...]


def _make(template: Template, layout: Layout, guest: Path, say: Callable[[str], None]) -> _Made:
    workshop = _Workshop(template, say)
    app = Sources(layout.root, lambda file, source: workshop.user(layout.root / file, file, source))
    kybra = Sources(guest, workshop.guest)
    tree = Tree({"/python": Fixed(template.stdlib), "/guest": kybra, "/app": app})
    interpreter = template.interpreter(tree, output=say)
    try:
        status, *answer = interpreter.call_boot("load", layout.module.encode())
        if status != b"ok":
            fields = [item.decode(errors="replace") for item in answer]
            raise _import_error(fields, layout, app.used)
        interface = _canister.read_interface(answer[0])
        refuse_late_imports(layout.root, app.used)
        preload(interpreter, layout.root, dict(app.used), template.stdlib)
        used = {f"guest/{name}": content for name, content in kybra.used.items()}
        used |= {f"app/{name}": content for name, content in app.used.items()}
        digest = _canister.source_digest(used)
        build = {"source": digest, "template": template.key}
        metadata = {
            **{name: text.encode() for name, text in sorted(interface.metadata.items())},
            "candid:service": interface.did.encode(),
            "dcanary:build": json.dumps(build, sort_keys=True).encode(),
        }
        wasm = _snapshot.take_snapshot(template.module_b, interpreter, interface.exports, metadata)
    except GuestError as error:
        raise BuildError(f"the interpreter could not prepare the canister: {error}") from None
    check_module(wasm)
    return _Made(wasm, workshop.compress(wasm), interface.did, digest, tuple(sorted(used)))


class _Workshop:
    """Compiles and compresses in an interpreter of its own, so that the work leaves no trace in
    the memory that becomes the canister."""

    def __init__(self, template: Template, say: Callable[[str], None]) -> None:
        self._template = template
        self._say = say
        self._interpreter: Interpreter | None = None

    def user(self, path: Path, name: str, source: bytes) -> bytes:
        """Compile a source of the canister, keeping its assertions."""
        try:
            return self._compile(name, source, level=0)
        except _stdlib.CompileError as error:
            raise SourceError(
                f"{error.kind}: {error.message}", path=_shown(path), line=error.line
            ) from None

    def guest(self, name: str, source: bytes) -> bytes:
        """Compile a source of the guest package."""
        return self._compile(name, source, level=2)

    def compress(self, data: bytes) -> bytes:
        """Compress with the zlib of the interpreter, which is the same on every machine."""
        return self._running().call_boot("compress", data)[0]

    def _compile(self, name: str, source: bytes, *, level: int) -> bytes:
        return _stdlib.compile_source(self._running(), name, source, level=level)

    def _running(self) -> Interpreter:
        if self._interpreter is None:
            tree = Tree({"/python": Fixed(self._template.stdlib)})
            self._interpreter = self._template.interpreter(tree, output=self._say)
        return self._interpreter


def _shown(path: Path) -> str:
    """Return a path as a person would write it: relative to the current folder when below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _import_error(fields: Sequence[str], layout: Layout, used: dict[str, bytes]) -> SourceError:
    """Turn an exception that ended the import of the canister into one sentence with its place."""
    kind, message, missing, trace, *rows = fields
    message = " ".join(message.replace(" (unknown location)", "").split())
    frames = [(rows[i], int(rows[i + 1])) for i in range(0, len(rows), 3)]
    own = [(file, line) for file, line in frames if file in used]
    path = _shown(layout.root / own[-1][0]) if own else _shown(layout.main)
    line = own[-1][1] if own else None
    if missing and kind == "ModuleNotFoundError":
        return SourceError(_missing_module(missing, layout), path=path, line=line)
    if kind == "LoadError":  # the guest's own sentence about an interface it cannot serve
        return SourceError(message, path=path, line=line)
    if not own and not message:
        message = trace
    return SourceError(
        f"{kind}: {message} (raised while the canister was imported, at build time)",
        path=path,
        line=line,
    )


def _missing_module(name: str, layout: Layout) -> str:
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return (
            f"the module '{name}' of the standard library is not available in a canister; "
            "remove the import"
        )
    return (
        f"no module named '{name}': a canister can import the standard library, kybra, and "
        f"modules below {_shown(layout.root)}; put the module there or remove the import"
    )
