"""Several canisters in one interpreter, each with its own `kybra`, `main`, `store`, `shared`.

A canister's modules are kept apart from `sys.modules` and put there only while its code runs.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

GUEST = Path(__file__).resolve().parents[1] / "wasm" / "guest"
PRINCIPAL_MODULE = "kybra._principal"


class _FreshLoader(importlib.machinery.SourceFileLoader):
    """Reads the source each time: a file rewritten within a second must not come from a cache."""

    def path_stats(self, path: str) -> Any:
        raise OSError("never cached")


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
            return importlib.machinery.PathFinder.find_spec(name, path or [str(GUEST)])
        if top not in self._names:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path or [str(self._root)])
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _FreshLoader(spec.loader.name, spec.loader.path)
        return spec


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


class IsolatedModules:
    """The modules of one canister instance."""

    def __init__(self, main: Path, system: ModuleType) -> None:
        if not main.is_file():
            raise FileNotFoundError(f"{main}: there is no such file")
        self.root, self.main = import_root(main)
        names = {path.stem for path in self.root.glob("*.py")}
        names |= {path.name for path in self.root.iterdir() if path.is_dir()}
        self._names = frozenset(names - {"kybra", "_ic"})
        self._finder = _Finder(self.root, self._names)
        self.modules: dict[str, ModuleType] = {"_ic": system, PRINCIPAL_MODULE: principal_module()}

    def _is_ours(self, name: str) -> bool:
        top = name.partition(".")[0]
        return top in ("kybra", "_ic") or top in self._names

    @contextmanager
    def active(self) -> Iterator[None]:
        """While this lasts, imports see this canister's modules."""
        hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if self._is_ours(name)}
        sys.modules.update(self.modules)
        finder: Any = self._finder
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)
            self.modules = {
                name: sys.modules.pop(name) for name in list(sys.modules) if self._is_ours(name)
            }
            sys.modules.update(hidden)

    def load(self, name: str) -> Any:
        """Import a module of this canister or of its `kybra`."""
        with self.active():
            return importlib.import_module(name)

    def canister_modules(self) -> list[ModuleType]:
        """The modules of the canister's own sources that are loaded."""
        return [
            module
            for name, module in sorted(self.modules.items())
            if name.partition(".")[0] in self._names
        ]


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
