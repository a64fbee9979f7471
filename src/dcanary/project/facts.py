"""Facts about a folder, each with the file and line that it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import Enum


@dataclass(frozen=True, order=True)
class Place:
    """A file, by its path below the folder, and a line of it (from 1)."""

    file: str
    line: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Note:
    """Something that could not be read, or not be read wholly."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class Kind(str, Enum):
    """What a canister is made of."""

    MOTOKO = "motoko"
    RUST = "rust"
    KYBRA = "kybra"
    AZLE = "azle"
    ASSETS = "assets"
    CUSTOM = "custom"
    PREBUILT = "prebuilt"
    PULL = "pull"


@dataclass(frozen=True)
class Canister:
    """A canister as its project describes it. Empty text and tuples stand for "not said"."""

    name: str
    kind: Kind
    places: tuple[Place, ...]
    main: str = ""
    """The program: a Motoko, Python or TypeScript file."""
    package: str = ""
    """The crate of a Rust canister."""
    candid: str = ""
    wasm: str = ""
    build: tuple[str, ...] = ()
    """Commands of a custom build."""
    source: tuple[str, ...] = ()
    """Folders of an asset canister."""
    dependencies: tuple[str, ...] = ()
    """Names of canisters that this one refers to."""
    flags: tuple[str, ...] = ()
    """Flags of the compiler."""
    packtool: str = ""
    init_arg: str = ""
    """Textual Candid."""
    recipe: str = ""
    """The recipe of icp-cli, with its version."""
    extras: tuple[str, ...] = ()
    """Keys that ask for a step after the build: optimize, shrink, gzip, metadata, post_install."""

    @property
    def place(self) -> Place:
        return self.places[0]

    def filled_from(self, other: Canister) -> Canister:
        """This canister, with what it does not say taken from `other`, and the places of both."""
        missing = {
            one.name: getattr(other, one.name)
            for one in fields(self)
            if one.name not in ("name", "kind", "places") and not getattr(self, one.name)
        }
        return replace(self, places=(*self.places, *other.places), **missing)


@dataclass(frozen=True)
class Dependency:
    """A package that another file asks for."""

    name: str
    version: str
    """A version, a path or an address, as written."""
    place: Place


@dataclass(frozen=True)
class MopsPackage:
    """A `mops.toml`."""

    place: Place
    name: str
    """Empty when it describes no package of its own."""
    dependencies: tuple[Dependency, ...]
    lock: str
    """Name of the lock file, or empty."""
    compiler: str
    """The version of moc that it asks for, or empty."""
    flags: tuple[str, ...] = ()
    """Flags of the compiler for canisters that name none."""
    vendored: tuple[tuple[str, str], ...] = ()
    """Names of packages that are in the repository below `.mops`, each with its folder."""


@dataclass(frozen=True)
class Crate:
    """A Cargo package."""

    place: Place
    name: str
    folder: str
    canister: bool
    """Whether it makes a canister: a `cdylib` that depends on `ic-cdk`."""


@dataclass(frozen=True)
class CargoFile:
    """The `Cargo.toml` in the folder, with its members."""

    place: Place
    workspace: bool
    crates: tuple[Crate, ...]
    lock: str
    toolchain: str = ""
    """The version of Rust that `rust-toolchain.toml` asks for, or empty."""
    lock_version: int = 0
    """The version of the lock file's format; 0 when it says none."""
    vendor: str = ""
    """The folder of the repository that has the crates, by `.cargo/config.toml`; or empty."""
    target: str = ""
    """What cargo builds for where nothing else is said, by the same file; or empty."""


@dataclass(frozen=True)
class NodePackage:
    """A `package.json`."""

    place: Place
    folder: str
    name: str
    scripts: tuple[tuple[str, str], ...]
    """The scripts `build` and `test`, where there are such."""
    dependencies: tuple[Dependency, ...]
    """Those for development included."""
    lock: str
    """Path of a `package-lock.json`, `pnpm-lock.yaml`, `yarn.lock`, `bun.lockb` …, or empty."""
    tools: tuple[str, ...]
    """Of vite, azle, webpack, react, vue, svelte, next: those that it depends on."""
    ran: tuple[tuple[str, str, Place], ...] = ()
    """Every script that is run with what init runs, hooks and `npm run` in scripts followed."""
    installs: tuple[tuple[str, str], ...] = ()
    """Its own scripts that npm runs when it installs packages, such as `postinstall`."""
    lock_tool: str = ""
    """What wrote the lock: `npm`, `pnpm`, `Yarn 1`, or another tool for people to read."""


@dataclass(frozen=True)
class MotokoProgram:
    """A Motoko file that declares an actor, and what it imports, directly or not."""

    place: Place
    """Where the actor is declared."""
    persistent: bool
    takes_argument: bool
    packages: tuple[tuple[str, Place], ...]
    """Names of packages, each with its first import."""
    canisters: tuple[tuple[str, Place], ...]
    """`canister:` and `ic:` imports."""
    missing: tuple[tuple[str, Place], ...]
    """Imported files that are not there."""


@dataclass(frozen=True)
class MotokoLibrary:
    """The modules of the package that `mops.toml` describes."""

    place: Place
    name: str
    folder: str
    modules: tuple[str, ...]
    packages: tuple[tuple[str, Place], ...]
    """Names of packages, each with its first import."""


@dataclass(frozen=True)
class KybraProgram:
    """A Python file against the Kybra API, and what it imports, directly or not."""

    place: Place
    """The import of kybra."""
    packages: tuple[tuple[str, Place], ...]
    """Modules that belong neither to Python, nor to Kybra, nor to the folder."""
    takes_argument: bool


@dataclass(frozen=True)
class StaticSite:
    """A folder with an `index.html` that no tool builds."""

    place: Place
    folder: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class AssetModule:
    """The module of an asset canister that the project has or pins."""

    place: Place
    path: str
    """In the folder; with `lock` below the folder of what that lock brings."""
    lock: str = ""


@dataclass(frozen=True)
class Project:
    """All that detection found out about one folder."""

    name: str
    branch: str
    """The branch that is checked out, `main` where that cannot be told."""
    canisters: tuple[Canister, ...] = ()
    mops: MopsPackage | None = None
    cargo: CargoFile | None = None
    node: tuple[NodePackage, ...] = ()
    sites: tuple[StaticSite, ...] = ()
    motoko: dict[str, MotokoProgram] = field(default_factory=dict)
    """Programs by file."""
    kybra: dict[str, KybraProgram] = field(default_factory=dict)
    library: MotokoLibrary | None = None
    asset_module: AssetModule | None = None
    notes: tuple[Note, ...] = ()
