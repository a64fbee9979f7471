"""Reads the textual form of Candid values and types (Candid specification, "Textual format")."""

from __future__ import annotations

import re
from typing import Any

from ._errors import CandidError
from ._principal import Principal
from ._types import (
    MODE_NAMES,
    NAT8,
    NULL,
    PRIMITIVE_NAMES,
    PRIMITIVES,
    VARIANT,
    Field,
    Func,
    Opt,
    Record,
    Service,
    Type,
    Variant,
    Vec,
    label_hash,
)

MAX_DEPTH = 100
_TOKEN = re.compile(
    r"""(?:\s|//[^\n]*|/\*.*?\*/)*(?:
    (?P<text>"(?:[^"\\]|\\.)*")
    |(?P<number>[+-]?(?:0x[0-9a-fA-F][0-9a-fA-F_]*(?![.0-9a-zA-Z])
        |[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]+)?))
    |(?P<word>[+-]?inf\b|[A-Za-z_][A-Za-z0-9_]*)
    |(?P<symbol>->|[(){};:,=.])
    |(?P<end>$)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F_]+\}|[0-9a-fA-F]{2}|.)", re.DOTALL)
_SINGLE = {"n": b"\n", "r": b"\r", "t": b"\t", '"': b'"', "'": b"'", "\\": b"\\"}
_KINDS = {name: kind for kind, name in PRIMITIVE_NAMES.items()}
_MODES = {name: mode for mode, name in MODE_NAMES.items()}

# A parsed value is a tuple of its form and its parts: ("int", 5), ("text", "a"), ("opt", value),
# ("vec", [values]), ("record", {hash: (label, value)}), ("variant", (label, value)),
# ("bool", True), ("null",), ("blob", bytes), ("float", 1.5), ("principal", bytes),
# ("service", bytes),
# ("func", (bytes, name)), ("typed", (value, type)).
Value = Any


class Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.pos = 0
        self.kind = ""
        self.token = ""
        self.depth = 0
        self.next()

    def fail(self, expected: str) -> CandidError:
        line = self.source.count("\n", 0, self.pos) + 1
        seen = self.token or "the end"
        return CandidError(f"line {line}: expected {expected}, found {seen[:40]}")

    def next(self) -> str:
        taken = self.token
        found = _TOKEN.match(self.source, self.pos)
        if found is None:
            raise CandidError(f"cannot read {self.source[self.pos : self.pos + 20].strip()!r}")
        self.kind = str(found.lastgroup)
        self.token = found.group(self.kind)
        self.pos = found.end()
        return taken

    def take(self, token: str) -> bool:
        if self.token == token and self.kind in ("symbol", "word"):
            self.next()
            return True
        return False

    def need(self, token: str) -> None:
        if not self.take(token):
            raise self.fail(repr(token))

    def string(self) -> bytes:
        if self.kind != "text":
            raise self.fail("a text in quotes")
        return _unescape(self.next()[1:-1])

    def text(self) -> str:
        try:
            return self.string().decode()
        except UnicodeDecodeError:
            raise CandidError("a text is not UTF-8; use blob") from None

    def args(self) -> list[Value]:
        self.need("(")
        values = []
        while not self.take(")"):
            values.append(self.annotated())
            if not self.take(","):
                self.need(")")
                break
        if self.kind != "end":
            raise self.fail("the end")
        return values

    def annotated(self) -> Value:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise CandidError(f"the text is nested more than {MAX_DEPTH} deep")
        value = self.value()
        while self.take(":"):
            value = ("typed", (value, self.type()))
        self.depth -= 1
        return value

    def value(self) -> Value:
        if self.kind == "text":
            return ("text", self.text())
        if self.kind == "number":
            return _number(self.next())
        if self.take("("):
            value = self.annotated()
            self.need(")")
            return value
        if self.kind != "word":
            raise self.fail("a value")
        word = self.next()
        if word in ("true", "false"):
            return ("bool", word == "true")
        if word == "null":
            return ("null",)
        if word.lstrip("+-") == "inf" or word == "nan":
            return ("float", float(word))
        if word == "opt":
            return ("opt", self.annotated_inner())
        if word == "blob":
            return ("blob", self.string())
        if word == "vec":
            return ("vec", self.items())
        if word == "record":
            return ("record", self.fields())
        if word == "variant":
            return ("variant", self.case())
        if word in ("principal", "service"):
            return (word, _principal(self.text()))
        if word == "func":
            principal = _principal(self.text())
            self.need(".")
            return ("func", (principal, self.name()))
        raise CandidError(f"{word!r} is not a Candid value")

    def annotated_inner(self) -> Value:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise CandidError(f"the text is nested more than {MAX_DEPTH} deep")
        value = self.value()
        self.depth -= 1
        return value

    def name(self) -> str:
        if self.kind == "text":
            return self.text()
        if self.kind != "word":
            raise self.fail("a name")
        return self.next()

    def items(self) -> list[Value]:
        self.need("{")
        values = []
        while not self.take("}"):
            values.append(self.annotated())
            if not self.take(";"):
                self.need("}")
                break
        return values

    def label(self) -> str | int:
        if self.kind == "number":
            form, number = _number(self.next())
            if form != "int" or not 0 <= number < 1 << 32:
                raise CandidError("a field number is 0 to 4294967295")
            return int(number)
        return self.name()

    def fields(self) -> dict[int, tuple[str | int, Value]]:
        self.need("{")
        found: dict[int, tuple[str | int, Value]] = {}
        index = 0
        while not self.take("}"):
            label: str | int
            if self._names_a_field("="):
                label = self.label()
                self.need("=")
            else:
                label = index
            value = self.annotated()
            number = label if isinstance(label, int) else label_hash(label)
            if number in found:
                raise CandidError(f"the field {label} is there twice")
            found[number] = (label, value)
            index = number + 1
            if not self.take(";"):
                self.need("}")
                break
        return found

    def _names_a_field(self, sign: str) -> bool:
        """Whether a name and `sign` follow (else it is a value or type without a name)."""
        found = _TOKEN.match(self.source, self.pos)
        return found is not None and found.group("symbol") == sign

    def case(self) -> tuple[str | int, Value]:
        self.need("{")
        label = self.label()
        value: Value = ("null",)
        if self.take("="):
            value = self.annotated()
        self.take(";")
        self.need("}")
        return label, value

    def type(self) -> Type:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise CandidError(f"the text is nested more than {MAX_DEPTH} deep")
        if self.kind != "word":
            raise self.fail("a type")
        word = self.next()
        made: Type
        if word in _KINDS:
            made = PRIMITIVES[_KINDS[word]]
        elif word == "blob":
            made = Vec(PRIMITIVES[NAT8])
        elif word == "opt":
            made = Opt(self.type())
        elif word == "vec":
            made = Vec(self.type())
        elif word in ("record", "variant"):
            made = self.field_types(Record() if word == "record" else Variant())
        elif word == "func":
            made = self.func_type()
        elif word == "service":
            made = self.service_type()
        else:
            raise CandidError(f"{word!r} is not a Candid type")
        self.depth -= 1
        return made

    def field_types(self, node: Record) -> Type:
        self.need("{")
        fields: dict[int, Field] = {}
        index = 0
        while not self.take("}"):
            label: str | int = index
            inner: Type = PRIMITIVES[NULL]
            if self._names_a_field(":"):
                label = self.label()
                self.need(":")
                inner = self.type()
            elif node.kind == VARIANT:
                label = self.label()
            else:
                inner = self.type()
            field = hash_field(label, inner)
            if field.hash in fields:
                raise CandidError(f"the field {label} is there twice")
            fields[field.hash] = field
            index = field.hash + 1
            if not self.take(";"):
                self.need("}")
                break
        node.set_fields(list(fields.values()))
        return node

    def types(self) -> list[Type]:
        self.need("(")
        found = []
        while not self.take(")"):
            if self._names_a_field(":"):
                self.name()
                self.need(":")
            found.append(self.type())
            if not self.take(","):
                self.need(")")
                break
        return found

    def func_type(self) -> Func:
        args = self.types()
        self.need("->")
        results = self.types()
        modes = []
        while self.token in _MODES:
            modes.append(_MODES[self.next()])
        return Func(args, results, modes)

    def service_type(self) -> Service:
        node = Service()
        self.need("{")
        while not self.take("}"):
            name = self.name()
            self.need(":")
            self.take("func")
            node.methods[name] = self.func_type()
            if not self.take(";"):
                self.need("}")
                break
        return node


def hash_field(label: str | int, inner: Type) -> Field:
    field = Field(label, 0, inner)
    field.key = field.hash
    return field


def _unescape(text: str) -> bytes:
    out = []
    pos = 0
    for found in _ESCAPE.finditer(text):
        out.append(text[pos : found.start()].encode())
        code = found.group(1)
        if code in _SINGLE:
            out.append(_SINGLE[code])
        elif code.startswith("u{"):
            point = int(code[2:-1].replace("_", ""), 16)
            if point > 0x10FFFF or 0xD800 <= point < 0xE000:
                raise CandidError(f"\\{code} is no character")
            out.append(chr(point).encode())
        elif len(code) == 2:
            out.append(bytes.fromhex(code))
        else:
            raise CandidError(f"unknown escape \\{code}")
        pos = found.end()
    out.append(text[pos:].encode())
    return b"".join(out)


def _number(token: str) -> Value:
    plain = token.replace("_", "")
    try:
        if "x" in plain:
            return ("int", int(plain, 16))
        if any(char in plain for char in ".eE"):
            return ("float", float(plain))
        return ("int", int(plain))
    except ValueError:
        raise CandidError(f"{token[:40]!r} is not a number") from None


def _principal(text: str) -> bytes:
    try:
        return Principal.from_str(text).bytes
    except ValueError as error:
        raise CandidError(str(error)) from None
