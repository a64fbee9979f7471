"""Several canisters in one interpreter, each with its own `kybra`, `main`, `store`, `shared`.

A canister's modules are kept apart from `sys.modules` and put there only while its code runs.
"""

from __future__ import annotations

import functools
import importlib
import importlib.machinery
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from dcanary.testing._heap import Heap

GUEST = Path(__file__).resolve().parents[1] / "wasm" / "guest"
PRINCIPAL_MODULE = "kybra._principal"


class _FreshLoader(importlib.machinery.SourceFileLoader):
    """Reads the source each time and compiles it when its bytes are new.

    The usual cache goes by time and size; a file rewritten within a second must not come from it.
    """

    def get_code(self, fullname: str) -> Any:
        # The real path: a linked folder of modules is compiled once, not once for each link.
        path = os.path.realpath(self.get_filename(fullname))
        return _compiled(path, self.get_data(path))


@functools.lru_cache(maxsize=4_000)
def _compiled(path: str, source: bytes) -> CodeType:
    return compile(source, path, "exec", dont_inherit=True)


class _Finder:
    """Finds `kybra` in the guest package and the canister's modules in its root folder."""

    def __init__(self, root: Path, names: frozenset[str]) -> None:
        self._root = root
        self._names = names

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        top = name.partition(".")[0]
        if top == "kybra":
            folders = [str(GUEST)]
        elif top in self._names:
            folders = [str(self._root)]
        else:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path or folders)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _FreshLoader(spec.loader.name, spec.loader.path)
        return spec


class _NoMoreModules:
    """Refuses imports of modules that nobody imported before the canister ran.

    Of the canister only: it runs in the thread that made this, others may import what they like.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if threading.get_ident() != self._thread:
            return
        raise ModuleNotFoundError(
            f"module {name!r} was not imported when the canister was loaded, so a built canister "
            "does not contain it; import it at the top of a module",
            name=name,
        )


def import_root(main: Path) -> tuple[Path, str]:
    """The folder imports start from and the dotted name of the main module.

    The folder of `main` if it is no package, else its first ancestor that is none.
    """
    main = main.resolve()
    root, name = main.parent, main.stem
    while (root / "__init__.py").exists():
        name = f"{root.name}.{name}"
        root = root.parent
    return root, name


class _KnownNames:
    """Names that were seen in `sys.modules`, and which of them belong to some packages.

    Each name is looked at once: going through all of `sys.modules` for every message took a fifth
    of the time of tests.
    """

    def __init__(self, packages: frozenset[str]) -> None:
        self._packages = packages
        self._seen: set[str] = set()
        self._ours: set[str] = set()

    def present(self) -> set[str]:
        """The names of modules of the packages that are in `sys.modules` now."""
        new = sys.modules.keys() - self._seen
        self._seen |= new
        self._ours |= {name for name in new if name.partition(".")[0] in self._packages}
        return sys.modules.keys() & self._ours


@functools.cache
def _known_names(packages: frozenset[str]) -> _KnownNames:
    return _KnownNames(packages)


class IsolatedModules:
    """The modules of one canister instance."""

    def __init__(self, main: Path, system: ModuleType) -> None:
        if not main.is_file():
            raise FileNotFoundError(f"{main}: there is no such file")
        self.root, self.main = import_root(main)
        names = {path.stem for path in self.root.glob("*.py")}
        names |= {path.name for path in self.root.iterdir() if path.is_dir()}
        self._names = frozenset(names - {"kybra", "_ic"})
        self._known = _known_names(self._names | {"kybra", "_ic"})
        self._finder = _Finder(self.root, self._names)
        self.modules: dict[str, ModuleType] = {"_ic": system, PRINCIPAL_MODULE: principal_module()}
        self._heap: Heap | None = None
        self._heap_of = 0
        """How many modules were loaded when `_heap` was made."""

    @contextmanager
    def active(self, loading: bool = False) -> Iterator[None]:
        """While this lasts, imports see this canister's modules.

        Modules that are not loaded yet can only be imported while `loading`: a built canister has
        no files to import from.
        """
        hidden = {name: sys.modules.pop(name) for name in self._known.present()}
        sys.modules.update(self.modules)
        finder: Any = self._finder if loading else _NoMoreModules()
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)
            self.modules = {name: sys.modules.pop(name) for name in self._known.present()}
            sys.modules.update(hidden)

    def load(self, name: str) -> Any:
        """Import a module of this canister or of its `kybra`."""
        with self.active(loading=True):
            return importlib.import_module(name)

    def heap(self) -> Heap:
        """What can change in the modules of the canister's own sources that are loaded."""
        if self._heap is None or self._heap_of != len(self.modules):
            own = [name for name in sorted(self.modules) if name.partition(".")[0] in self._names]
            self._heap = Heap([self.modules[name] for name in own])
            self._heap_of = len(self.modules)
        return self._heap


_principal: list[ModuleType] = []


def principal_module() -> ModuleType:
    """The one module of Principal that tests and all canisters share."""
    if not _principal:
        path = GUEST / "kybra" / "_principal.py"
        spec = importlib.util.spec_from_file_location(PRINCIPAL_MODULE, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        _principal.append(module)
    return _principal[0]
