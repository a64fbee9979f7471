"""Taking a component apart into core modules that refer to each other by name.

The component comes out of the linker: core modules, their instances, and the wiring between them
(component model binary format, "Binary.md"). Every import of every instance is followed to what it
really is: an export of another instance, a host function, or the release of a resource. The result
is a list of plain modules that a core linker can merge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dcanary.wasm_binary import sections
from dcanary.wasm_binary.sections import Reader

_CORE_MODULE, _CORE_INSTANCE, _INSTANCE, _ALIAS, _CANON, _IMPORT, _EXPORT = 1, 2, 5, 6, 8, 10, 11
_SORT_FUNCTION, _SORT_INSTANCE = 1, 5


@dataclass(frozen=True, slots=True)
class Host:
    """A function of the host: module and field under which the merged module imports it."""

    module: str
    field: str


@dataclass(frozen=True, slots=True)
class Local:
    """An export of a core instance of the component."""

    instance: int
    field: str


Target = Host | Local


@dataclass(frozen=True, slots=True)
class Instance:
    """An instantiation of core module number `module`; None when it only regroups exports."""

    module: int | None
    arguments: dict[str, int] = field(default_factory=dict)
    exports: dict[str, tuple[int, int]] = field(default_factory=dict)


class Component:
    """The parsed wiring of a component."""

    def __init__(self, binary: bytes) -> None:
        self.modules: list[bytes] = []
        self.instances: list[Instance] = []
        self.exports: dict[str, Local] = {}
        # Index spaces of the core sorts: function, table, memory, global.
        self._core: list[list[Host | Local | tuple[str, int]]] = [[], [], [], []]
        self._functions: list[tuple[int, str] | int] = []  # alias (instance, name) or lifted core
        self._imports: list[str | None] = []  # component instances: import name, None otherwise
        parsers: dict[int, Callable[[Reader], None]] = {
            _CORE_INSTANCE: self._core_instance,
            _INSTANCE: self._component_instance,
            _ALIAS: self._alias,
            _CANON: self._canon,
            _IMPORT: self._import,
            _EXPORT: self._export,
        }
        for section in sections.raw_sections(binary):
            if section.id == _CORE_MODULE:
                self.modules.append(section.body)
            elif section.id in parsers:
                reader = Reader(section.body)
                for _ in range(reader.unsigned()):
                    parsers[section.id](reader)

    def resolve(self, sort: int, index: int) -> Target:
        """Follow an item of a core index space to what it is."""
        item = self._core[sort][index]
        if isinstance(item, Host):
            return item
        if isinstance(item, Local):
            return self.resolve_export(item.instance, item.field)
        raise ValueError("a resource release without a name")

    def resolve_export(self, instance: int, name: str, importer: str = "") -> Target:
        """Follow an export of a core instance to what it is.

        `importer` is the module name under which it is imported; a resource release has no other
        name than the one it is imported by.
        """
        found = self.instances[instance]
        if found.module is not None:
            return Local(instance, name)
        sort, index = found.exports[name]
        item = self._core[sort][index]
        if isinstance(item, tuple):
            return Host(importer, name)
        return self.resolve(sort, index)

    def _core_instance(self, reader: Reader) -> None:
        kind, arguments = reader.byte(), {}
        if kind == 0:
            module = reader.unsigned()
            for _ in range(reader.unsigned()):
                name = reader.name()
                if reader.byte() != 0x12:
                    raise ValueError("a core instance is given something that is no instance")
                arguments[name] = reader.unsigned()
            self.instances.append(Instance(module, arguments))
            return
        exports = {}
        for _ in range(reader.unsigned()):
            name = reader.name()
            exports[name] = (reader.byte(), reader.unsigned())
        self.instances.append(Instance(None, exports=exports))

    def _component_instance(self, reader: Reader) -> None:
        if reader.byte():
            raise ValueError("a component instance made of exports")
        reader.unsigned()
        for _ in range(reader.unsigned()):
            reader.name(), reader.byte(), reader.unsigned()
        self._imports.append(None)

    def _alias(self, reader: Reader) -> None:
        sort = reader.byte()
        core_sort = reader.byte() if sort == 0 else None
        kind = reader.byte()
        if kind not in (0, 1):
            raise ValueError("an alias of an outer scope")
        instance, name = reader.unsigned(), reader.name()
        if kind == 1 and core_sort is not None:
            self._core[core_sort].append(Local(instance, name))
        elif sort == _SORT_FUNCTION:
            self._functions.append((instance, name))

    def _canon(self, reader: Reader) -> None:
        operation = reader.byte()
        if operation == 0:  # lift
            reader.byte()
            core = reader.unsigned()
            self._options(reader)
            reader.unsigned()
            self._functions.append(core)
        elif operation == 1:  # lower
            reader.byte()
            function = self._functions[reader.unsigned()]
            self._options(reader)
            if isinstance(function, int):
                raise ValueError("a function of the component is lowered again")
            module = self._imports[function[0]]
            if module is None:
                raise ValueError("a function of a component instance is lowered")
            self._core[0].append(Host(module, function[1]))
        elif operation == 3:  # resource.drop
            self._core[0].append(("drop", reader.unsigned()))
        else:
            raise ValueError(f"canonical function {operation}")

    @staticmethod
    def _options(reader: Reader) -> None:
        for _ in range(reader.unsigned()):
            if reader.byte() in (3, 4, 5, 7):
                reader.unsigned()

    def _import(self, reader: Reader) -> None:
        reader.byte()
        name, sort = reader.name(), reader.byte()
        reader.unsigned()
        if sort != _SORT_INSTANCE:
            raise ValueError(f"import of sort {sort}")
        self._imports.append(name)

    def _export(self, reader: Reader) -> None:
        reader.byte()
        name, sort, index = reader.name(), reader.byte(), reader.unsigned()
        if reader.byte():
            raise ValueError("an export with a type ascription")
        if sort == _SORT_FUNCTION:
            function = self._functions[index]
            if isinstance(function, int):
                target = self.resolve(0, function)
                if isinstance(target, Local):
                    self.exports[name] = target
            self._functions.append(function)
        elif sort == _SORT_INSTANCE:
            self._imports.append(self._imports[index])


def instance_name(instance: int) -> str:
    """Name under which a core instance takes part in the merge."""
    return f"i{instance}"


def flatten(
    component: Component, redirect: Callable[[int, Target], Target]
) -> list[tuple[str, bytes]]:
    """Return (name, module) of every core instance, with imports that name their targets.

    `redirect(instance, target)` may put another target in the place of what an import of that
    instance leads to. Custom sections are dropped.
    """
    result = []
    for number, instance in enumerate(component.instances):
        if instance.module is None:
            continue
        parts = []
        for section in sections.sections(component.modules[instance.module]):
            if section.id == sections.IMPORT:
                rows = []
                for row in sections.read_imports(section.body):
                    source = instance.arguments[row.module]
                    target = component.resolve_export(source, row.field, row.module)
                    target = redirect(number, target)
                    if isinstance(target, Local):
                        module, name = instance_name(target.instance), target.field
                    else:
                        module, name = target.module, target.field
                    rows.append(sections.Import(module, name, row.kind, row.description))
                parts.append(sections.write_imports(rows))
            elif section.id != sections.CUSTOM:
                parts.append(section)
        result.append((instance_name(number), sections.join(parts)))
    return result


def find_exporter(component: Component, name: str) -> int:
    """Return the number of the core instance whose module exports `name`.

    Raises ValueError when it is not exactly one.
    """
    found = []
    for number, instance in enumerate(component.instances):
        if instance.module is not None:
            body = sections.find(component.modules[instance.module], sections.EXPORT)
            if body and any(row.name == name for row in sections.read_exports(body)):
                found.append(number)
    if len(found) != 1:
        raise ValueError(f"{name} is exported by {len(found)} modules")
    return found[0]
