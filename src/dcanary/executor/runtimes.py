"""The tool chains that stages find in their sandbox, and the digest that names each of them.

The environment digest is the sha256 of a canonical JSON of the runtime's name and its tools'
contents, never of paths: executors of different people with the same tools agree. The content of a
program is its closure: what it is linked with counts too, as does the shell that begins commands.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import dcanary
from dcanary import folders
from dcanary.executor.closure import Closures, IncompleteClosure
from dcanary.executor.sandbox.model import Bind
from dcanary.fetch.pinned import ReadFile

NAMES = ("shell", "python", "motoko", "node")
_TOOLS = Path(__file__).parent / "tools"
_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
_INSIDE = "/opt/dcanary"
_SHELL = Path("/bin/sh")
_VERSION_SECONDS = 30


class CanisterTemplate(Protocol):
    """What compiled Python canisters are made from; `dcanary.wasm.Template` is one.

    `key` names its content, `folder` holds it, `module_a` compiles it for this machine.
    """

    @property
    def key(self) -> str: ...

    @property
    def folder(self) -> Path: ...

    @property
    def module_a(self) -> object: ...


TemplateSource = Callable[[], CanisterTemplate]


class RuntimeUnavailable(Exception):
    """This machine lacks what a runtime needs. Says what, and what to do."""


@dataclass(frozen=True)
class Runtime:
    """A tool chain: what is bound into the sandbox, what the commands find, and its digest.

    `root` is the image in which everything runs, if there is one; it stays there and unchanged
    within `hold()`. `prepare` makes the runtime that is meant, where its tools are not there yet:
    that takes minutes, is told to its first argument, and raises what `causes` can tell the kind
    of. Its second argument reads files of the commit.
    """

    name: str
    digest: str
    binds: tuple[Bind, ...] = ()
    program_path: str = ":".join(_SYSTEM_PATH)
    environment: Mapping[str, str] = field(default_factory=dict)
    root: Path | None = None
    hold: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext
    prepare: "Callable[[Callable[[str], None], ReadFile], Runtime] | None" = None


@dataclass(frozen=True)
class RuntimeOptions:
    """Where tools are. `folder` is the executor's own, for wrappers.

    `sandboxed` false gives paths of the host, because nothing can be bound there. Without
    `node_modules` it is looked for. `template` gives the canister template of the runtime
    `python`, and makes it when it is not there, as `dcanary.wasm.ensure_template` does.
    """

    folder: Path
    sandboxed: bool = True
    node_modules: Path | None = None
    template: TemplateSource | None = None


def find_runtime(name: str, options: RuntimeOptions) -> Runtime:
    """The runtime `name`. Raises RuntimeUnavailable when it cannot be had on this machine.

    The first call for `python` makes the canister template, which takes some minutes.
    """
    find = _FIND.get(name)
    if find is None:
        known = ", ".join(NAMES)
        raise RuntimeUnavailable(
            f"{name} is no runtime of a machine: use one of {known}; others are images"
        )
    try:
        return find(_Layout(name, options))
    except IncompleteClosure as error:
        raise RuntimeUnavailable(f"{error}: install it") from error


class _Layout:
    """Collects what one runtime binds, with the paths that its commands will see."""

    def __init__(self, name: str, options: RuntimeOptions) -> None:
        self.name, self.options = name, options
        self.closures = Closures(folders.cache("closures.json"))
        self._binds: list[Bind] = []
        self._path: list[str] = []
        self._wrappers = options.folder / name / "bin"
        shutil.rmtree(self._wrappers, ignore_errors=True)

    def bind(self, host: Path, inside: str) -> str:
        """Make `host` visible; returns the path that commands use for it."""
        host = host.resolve()
        if not self.options.sandboxed:
            return str(host)
        inside = f"{_INSIDE}/{inside}"
        self._binds.append(Bind(host, inside))
        return inside

    def bind_cache(self, template: Path) -> str:
        """Make a template visible; returns a cache folder that holds it and nothing else."""
        place = f"dcanary/templates/{template.name}"
        if self.options.sandboxed:
            self.bind(template, f"cache/{place}")
            return f"{_INSIDE}/cache"
        cache = (self.options.folder / self.name / "cache").resolve()
        link = cache / place
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(template.resolve())
        return str(cache)

    def add_path(self, folder: str) -> None:
        self._path.append(folder)

    def wrap(self, command: str, line: str) -> None:
        """A command that runs one line of shell."""
        if not self._wrappers.exists():
            self._wrappers.mkdir(parents=True)
            self._wrappers.chmod(0o755)
            self.add_path(self.bind(self._wrappers, "bin"))
        program = self._wrappers / command
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)

    def finish(self, tools: Mapping[str, str], environment: Mapping[str, str]) -> Runtime:
        named = {**tools, "sh": self.closures.digest([_SHELL])}
        return Runtime(
            self.name,
            environment_digest(self.name, named),
            tuple(self._binds),
            ":".join([*self._path, *_SYSTEM_PATH]),
            environment,
        )


def environment_digest(runtime: str, tools: Mapping[str, str]) -> str:
    """Hexadecimal sha256 that names a runtime with its tools on this kind of machine."""
    return fixed_environment(runtime, tools, platform.machine())


def fixed_environment(runtime: str, tools: Mapping[str, str], machine: str = "") -> str:
    """Hexadecimal sha256 that names a runtime with its tools on machines of any kind, or one."""
    about = {"machine": machine, "runtime": runtime, "tools": dict(tools)}
    text = json.dumps(about, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def content_digest(root: Path, suffixes: Sequence[str] = ()) -> str:
    """Hexadecimal sha256 over a file, or over the relative names and contents below a folder."""
    digest = hashlib.sha256()
    files = [root] if root.is_file() else sorted(root.rglob("*"))
    for file in files:
        if not file.is_file() or (suffixes and file.suffix not in suffixes):
            continue
        name = file.relative_to(root).as_posix() if file != root else ""
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{content} {name}\n".encode())
    return digest.hexdigest()


def _shell(layout: _Layout) -> Runtime:
    return layout.finish({}, {})


def _node(layout: _Layout) -> Runtime:
    return layout.finish(_bind_node(layout), {})


def _motoko(layout: _Layout) -> Runtime:
    node = _bind_node(layout)
    package = _find_package("motoko", layout.options.node_modules)
    inside = layout.bind(package, "motoko")
    script = layout.bind(_TOOLS, "tools")
    layout.wrap("moc", f'exec node --stack-size=4000 {_quoted(script + "/moc.js")} "$@"')
    tools = {
        **node,
        "moc": content_digest(_TOOLS / "moc.js"),
        "motoko": json.loads((package / "package.json").read_text())["version"],
        "compiler": content_digest(package / "versions" / "latest" / "moc.min.js"),
        "core": content_digest(package / "packages" / "latest" / "core.json"),
    }
    environment = {"DCANARY_MOTOKO": inside}
    # The compiler of today comes without `base`; the package has it from an earlier one.
    with contextlib.suppress(RuntimeUnavailable):
        base = _find_package("motoko-base", layout.options.node_modules)
        tools["base"] = content_digest(base / "packages" / "latest" / "base.json")
        environment["DCANARY_MOTOKO_BASE"] = layout.bind(base, "motoko-base")
    return layout.finish(tools, environment)


def _python(layout: _Layout) -> Runtime:
    source = layout.options.template
    if source is None:
        raise RuntimeUnavailable("this executor is given no canister template")
    try:
        template = source()
        _ = template.module_a  # Compiled and kept now, because the sandbox cannot write there.
    except Exception as error:
        # Whatever the compiler package raises: this runtime cannot be had, the others can.
        raise RuntimeUnavailable(f"the canister template cannot be made: {error}") from error
    _make_readable(template.folder)
    package = layout.bind(Path(dcanary.__file__).parent, "python/dcanary")
    site = layout.bind(Path(sysconfig.get_paths()["purelib"]), "site")
    environment = {
        "PYTHONPATH": f"{package.removesuffix('/dcanary')}:{site}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "XDG_CACHE_HOME": layout.bind_cache(template.folder),
        **_bind_python(layout),
    }
    layout.wrap("dcanary", 'exec python3 -m dcanary "$@"')
    tools = {
        "python": platform.python_version(),
        "python files": _python_files(layout),
        "dcanary": dcanary.__version__,
        "compiler": content_digest(Path(dcanary.__file__).parent / "wasm", (".py", ".c", ".wit")),
        "template": template.key,
        "wasmtime": importlib.metadata.version("wasmtime"),
        "wasmtime files": layout.closures.digest(folder=_package("wasmtime")),
    }
    return layout.finish(tools, environment)


def _bind_python(layout: _Layout) -> dict[str, str]:
    """Put this interpreter on the PATH as `python3`; returns variables that it needs."""
    prefix = Path(sys.base_prefix).resolve()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    system = prefix == Path("/usr")
    root = "/usr" if system else layout.bind(prefix, "prefix")
    for command in ("python3", "python"):
        layout.wrap(command, f'exec {_quoted(f"{root}/bin/{version}")} "$@"')
    return {} if system else {"LD_LIBRARY_PATH": f"{root}/lib"}


def _python_files(layout: _Layout) -> str:
    """Digest of this interpreter, its library and all that these are linked with."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    program = Path(sys.base_prefix).resolve() / "bin" / version
    return layout.closures.digest([program], Path(sysconfig.get_paths()["stdlib"]))


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise RuntimeUnavailable(f"the Python package {name} is not installed")
    return Path(found.origin).parent


def _bind_node(layout: _Layout) -> dict[str, str]:
    """Put node on the PATH; returns what names it."""
    found = shutil.which("node")
    if found is None:
        raise RuntimeUnavailable("node is not installed: install Node.js 20 or later")
    program = Path(found).resolve()
    if not program.is_relative_to("/usr"):
        layout.add_path(layout.bind(program.parents[1], "node") + "/bin")
    try:
        said = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeUnavailable(f"node does not run: {error}") from error
    return {"node": said.stdout.strip(), "node files": layout.closures.digest([program])}


def _find_package(name: str, node_modules: Path | None) -> Path:
    configured = node_modules or os.environ.get("DCANARY_NODE_MODULES")
    starts = (Path.cwd(), Path(dcanary.__file__).resolve().parent)
    searched = (
        [Path(configured)]
        if configured
        else [folder / "node_modules" for start in starts for folder in (start, *start.parents)]
    )
    for folder in searched:
        if (folder / name / "package.json").is_file():
            return (folder / name).resolve()
    raise RuntimeUnavailable(
        f"the npm package {name} is not installed: run `make setup`, or set DCANARY_NODE_MODULES "
        "to the node_modules folder that holds it"
    )


def _make_readable(folder: Path) -> None:
    """Let the sandbox's user, who owns nothing here, read public files that are ours."""
    for entry in (folder, *folder.rglob("*")):
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(entry.stat().st_mode)
            wanted = mode | (0o555 if entry.is_dir() else 0o444)
            if wanted != mode:
                entry.chmod(wanted)


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"


_FIND = {"shell": _shell, "python": _python, "motoko": _motoko, "node": _node}
