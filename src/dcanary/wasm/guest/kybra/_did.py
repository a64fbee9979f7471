"""The Candid interface of a canister as text.

Named types are the Records, Variants and Services by class name, sorted; fields in the order of
their Candid numbers, methods by name: the same interface always gives the same text. Two classes
of one name in different modules get the later one's name numbered (`Error_2`).
"""

from __future__ import annotations

from ._types import (
    MODE_NAMES,
    NAT8,
    PRIMITIVE_NAMES,
    VARIANT,
    Func,
    Opt,
    Primitive,
    Record,
    Service,
    Type,
    Vec,
)

_RESERVED = frozenset(
    [
        "blob",
        "bool",
        "composite_query",
        "empty",
        "float32",
        "float64",
        "func",
        "import",
        "int",
        "int16",
        "int32",
        "int64",
        "int8",
        "nat",
        "nat16",
        "nat32",
        "nat64",
        "nat8",
        "null",
        "oneway",
        "opt",
        "principal",
        "query",
        "record",
        "reserved",
        "service",
        "text",
        "type",
        "variant",
        "vec",
        "true",
        "false",
    ]
)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quote(text: str) -> str:
    """A Candid text literal."""
    out = []
    for char in text:
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif ord(char) < 32 or ord(char) == 127:
            out.append(f"\\u{{{ord(char):x}}}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


def label_text(label: str | int) -> str:
    """A field or method name, quoted where Candid's grammar needs it."""
    if isinstance(label, int):
        return str(label)
    if label.isascii() and label.isidentifier() and label not in _RESERVED:
        return label
    return quote(label)


class _Writer:
    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.named: list[Type] = []

    def collect(self, node: Type) -> None:
        """Find the named types, each once."""
        if isinstance(node, (Opt, Vec)):
            self.collect(node.inner)
        elif isinstance(node, (Record, Service)):
            if any(node is seen for seen in self.named):
                return
            if node.name:
                self.named.append(node)
            if isinstance(node, Record):
                for field in node.fields:
                    self.collect(field.type)
            else:
                for method in node.methods.values():
                    self.collect(method)
        elif isinstance(node, Func):
            for inner in [*node.args, *node.results]:
                self.collect(inner)

    def assign_names(self) -> None:
        taken: dict[str, int] = {}
        order = sorted(self.named, key=lambda node: (node.name, node.origin))  # type: ignore[attr-defined]
        for node in order:
            assert isinstance(node, (Record, Service))
            count = taken.get(node.name, 0) + 1
            taken[node.name] = count
            name = node.name if count == 1 else f"{node.name}_{count}"
            if not name.isascii() or name in _RESERVED:
                name = "T_" + "".join(
                    char if char.isascii() else f"u{ord(char):x}" for char in name
                )
            self.names[id(node)] = name

    def text(self, node: Type, define: bool = False) -> str:
        if isinstance(node, Primitive):
            return PRIMITIVE_NAMES[node.kind]
        if isinstance(node, Opt):
            return f"opt {self.text(node.inner)}"
        if isinstance(node, Vec):
            return "blob" if node.inner.kind == NAT8 else f"vec {self.text(node.inner)}"
        name = self.names.get(id(node))
        if name is not None and not define:
            return name
        if isinstance(node, Record):
            return self._fields(node, define)
        if isinstance(node, Func):
            return f"func {self.signature(node.args, node.results, node.modes)}"
        assert isinstance(node, Service)
        lines = []
        for method in sorted(node.methods):
            func = node.methods[method]
            assert isinstance(func, Func)
            lines.append(
                f"  {label_text(method)} : {self.signature(func.args, func.results, func.modes)};\n"
            )
        return "service {\n" + "".join(lines) + "}"

    def _fields(self, node: Record, define: bool) -> str:
        word = "variant" if node.kind == VARIANT else "record"
        parts = []
        for field in node.fields:
            if node.is_tuple:
                parts.append(self.text(field.type))
            elif node.kind == VARIANT and field.type.kind == -1:
                parts.append(label_text(field.label))
            else:
                parts.append(f"{label_text(field.label)} : {self.text(field.type)}")
        if not parts:
            return f"{word} {{}}"
        if define:
            return f"{word} {{\n" + "".join(f"  {part};\n" for part in parts) + "}"
        return f"{word} {{ {'; '.join(parts)} }}"

    def signature(self, args: list[Type], results: list[Type], modes: list[int]) -> str:
        left = ", ".join(self.text(node) for node in args)
        right = ", ".join(self.text(node) for node in results)
        words = "".join(" " + MODE_NAMES[mode] for mode in modes)
        return f"({left}) -> ({right}){words}"


def service_text(
    init_args: list[Type], methods: list[tuple[str, list[Type], list[Type], list[int]]]
) -> str:
    """The `.did` file: type definitions, then the service with its initialisation arguments."""
    writer = _Writer()
    for node in init_args:
        writer.collect(node)
    for _, args, results, _ in methods:
        for node in [*args, *results]:
            writer.collect(node)
    writer.assign_names()
    lines = []
    for node in sorted(writer.named, key=lambda node: writer.names[id(node)]):
        lines.append(f"type {writer.names[id(node)]} = {writer.text(node, define=True)};\n")
    prefix = ""
    if init_args:
        prefix = f"({', '.join(writer.text(node) for node in init_args)}) -> "
    lines.append(f"service : {prefix}{{\n")
    for name, args, results, modes in sorted(methods, key=lambda method: method[0]):
        lines.append(f"  {label_text(name)} : {writer.signature(args, results, modes)};\n")
    lines.append("}\n")
    return "".join(lines)
