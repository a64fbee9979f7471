"""From the interpreter's libraries and the glue to the two runtime templates.

Template A imports WASI and is run at build time. Template B is the same module with WASI bound to
the glue's stubs; it becomes the canister, with A's memory and globals in it. That works because
both have the same functions in the table, the same globals and the same memory layout, which is
checked here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dcanary.wasm import _component, _glue, _guard, _stubs, _tools
from dcanary.wasm._component import Local, Target
from dcanary.wasm._inputs import Inputs
from dcanary.wasm.errors import ToolError
from dcanary.wasm_binary import leb128, sections
from dcanary.wasm_binary.sections import Export

ENTRIES = ("initialize", "call-boot", "seal", "dispatch")
START = "start"
PYTHON = "libpython3.14.so"
_BINARYEN_FLAGS = ["-all", "--disable-compact-imports"]
_PASSES = [
    "--remove-unused-module-elements",
    "--simplify-globals-optimizing",
    "--directize",
    "--remove-unused-module-elements",
]


def link_templates(
    inputs: Inputs, tools: _tools.Tools, folder: Path, progress: Callable[[str], None]
) -> tuple[bytes, bytes]:
    """Return (template A, template B). `folder` is an empty folder to work in."""
    progress("compiling the glue")
    _glue.compile_glue(tools, folder)
    progress("linking the interpreter")
    libraries = dict(inputs.libraries)
    libraries[PYTHON] = _guard.guard_recursion(libraries[PYTHON])
    component = _component.Component(_glue.link_component(tools, libraries, folder))
    modules = _flatten(component)
    for name, module in modules:
        (folder / f"{name}.wasm").write_bytes(module)
    merged = _unstart(_merge([(name, name) for name, _ in modules], tools, folder))
    (folder / "unstarted.wasm").write_bytes(merged)
    progress("optimising the interpreter")
    _tools.run_binaryen(
        tools,
        "wasm-opt",
        ["unstarted.wasm", *_BINARYEN_FLAGS, *_PASSES, "-o", "optimised.wasm"],
        cwd=folder,
    )
    optimised = (folder / "optimised.wasm").read_bytes()
    progress("binding the system interface")
    template_a = _merge([("optimised", _stubs.SELF)], tools, folder)
    template_b = _bind_stubs(optimised, tools, folder)
    _check_same_layout(template_a, template_b)
    return _export_globals(template_a), template_b


def global_export(index: int) -> str:
    """Name under which template A exports its mutable global number `index`."""
    return f"global:{index}"


def _flatten(component: _component.Component) -> list[tuple[str, bytes]]:
    glue = _component.find_exporter(component, "override:getentropy")
    libc = _component.find_exporter(component, "clock_nanosleep")
    python = _component.find_exporter(component, "Py_InitializeFromInitConfig")
    used: set[str] = set()

    def redirect(instance: int, target: Target) -> Target:
        own = instance == python and isinstance(target, Local) and target.instance == libc
        if not own or target.field not in _stubs.OVERRIDES:
            return target
        used.add(target.field)
        return Local(glue, f"override:{target.field}")

    modules = _component.flatten(component, redirect)
    if missing := set(_stubs.OVERRIDES) - used:
        raise ToolError(f"the interpreter does not import {', '.join(sorted(missing))} from libc")
    return modules


def _merge(modules: list[tuple[str, str]], tools: _tools.Tools, folder: Path) -> bytes:
    """Merge modules given as (file stem, module name). The merge puts globals in an order of its
    own, so template A goes through it as well, alone."""
    names = [text for stem, name in modules for text in (f"{stem}.wasm", name)]
    flags = ["--rename-export-conflicts", *_BINARYEN_FLAGS, "-o", "merged.wasm"]
    _tools.run_binaryen(tools, "wasm-merge", [*names, *flags], cwd=folder)
    return (folder / "merged.wasm").read_bytes()


def _unstart(module: bytes) -> bytes:
    """Turn the start function into an export and keep only the exports that are needed."""
    keep = {"memory", "cabi_realloc", *ENTRIES, *_stubs.stub_exports()}
    parts, start = [], None
    for section in sections.sections(module):
        if section.id == sections.START:
            start = leb128.decode_unsigned(section.body, 0)[0]
        elif section.id != sections.CUSTOM:
            parts.append(section)
    if start is None:
        raise ToolError("the linked interpreter has no start function")
    at = next(i for i, part in enumerate(parts) if part.id == sections.EXPORT)
    exports = [row for row in sections.read_exports(parts[at].body) if row.name in keep]
    if missing := keep - {row.name for row in exports}:
        raise ToolError(f"the linked interpreter does not export {', '.join(sorted(missing))}")
    parts[at] = sections.write_exports([*exports, Export(START, sections.KIND_FUNCTION, start)])
    return sections.join(parts)


def _bind_stubs(module: bytes, tools: _tools.Tools, folder: Path) -> bytes:
    parts = list(sections.sections(module))
    types = sections.read_types(next(p.body for p in parts if p.id == sections.TYPE))
    at = next(i for i, part in enumerate(parts) if part.id == sections.IMPORT)
    imports, traps = _stubs.bind(sections.read_imports(parts[at].body), types)
    parts[at] = sections.write_imports(imports)
    (folder / "unbound.wasm").write_bytes(sections.join(parts))
    (folder / "traps.wasm").write_bytes(traps)
    bound = _merge([("unbound", _stubs.SELF), ("traps", _stubs.TRAPS)], tools, folder)
    body = sections.find(bound, sections.IMPORT) or b"\0"
    if foreign := {row.module for row in sections.read_imports(body)} - {"ic0"}:
        raise ToolError(f"the template still imports from {', '.join(sorted(foreign))}")
    return bound


def _export_globals(module: bytes) -> bytes:
    parts = [part for part in sections.sections(module) if part.id != sections.CUSTOM]
    found = sections.read_globals(next(p.body for p in parts if p.id == sections.GLOBAL))
    at = next(i for i, part in enumerate(parts) if part.id == sections.EXPORT)
    extra = [
        Export(global_export(index), sections.KIND_GLOBAL, index)
        for index, row in enumerate(found)
        if row.mutable
    ]
    parts[at] = sections.write_exports([*sections.read_exports(parts[at].body), *extra])
    return sections.join(parts)


def _check_same_layout(first: bytes, second: bytes) -> None:
    """Raise ToolError unless globals, memory and table of two modules are laid out the same.

    The entries of the table are functions whose numbers differ, because the imports do; what is
    compared of the element section is where each run of entries lies and how long it is.
    """
    for number in (sections.TABLE, sections.MEMORY, sections.GLOBAL, sections.DATA):
        if sections.find(first, number) != sections.find(second, number):
            raise ToolError(f"section {number} of the two templates differs; rebuild the template")
    if _element_runs(first) != _element_runs(second):
        raise ToolError("the tables of the two templates differ; rebuild the template")


def _element_runs(module: bytes) -> list[tuple[int, int]]:
    """Return (offset, length) of every active run of functions in the table.

    Raises ToolError for other kinds of element segments.
    """
    reader = sections.Reader(sections.find(module, sections.ELEMENT) or b"\0")
    runs = []
    for _ in range(reader.unsigned()):
        if reader.unsigned() != 0 or reader.byte() != 0x41:
            raise ToolError("the interpreter has an element segment of an unknown kind")
        offset = reader.signed()
        if reader.byte() != 0x0B:
            raise ToolError("the interpreter has an element segment with a computed offset")
        length = reader.unsigned()
        for _ in range(length):
            reader.unsigned()
        runs.append((offset, length))
    return runs
