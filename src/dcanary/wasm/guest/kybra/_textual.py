"""Candid values as text: `ic.candid_encode` and `ic.candid_decode`.

Reads the value grammar of the Candid specification (section "Textual format") with type
annotations (`42 : nat64`), and writes it on one line, numbers with their types, as `didc` does. A
number without annotation is an int, one with a point or exponent a float64.
"""

from __future__ import annotations

import re
import struct
from typing import Any

from ._decode import _SIMPLE as READERS
from ._decode import _charge, _clear_errors, _length, reset_budget
from ._did import label_text, quote
from ._encode import encoder_of
from ._errors import CandidError
from ._principal import Principal
from ._types import (
    BOOL,
    EMPTY,
    FLOAT32,
    FLOAT64,
    FUTURE,
    INT,
    MODE_NAMES,
    NAT8,
    NULL,
    PRIMITIVE_NAMES,
    PRIMITIVES,
    PRINCIPAL,
    RESERVED,
    TEXT,
    VARIANT,
    Field,
    Func,
    Opt,
    Record,
    Service,
    Type,
    Variant,
    Vec,
    header,
    is_subtype,
    label_hash,
    type_name,
    uleb,
)
from ._wire import parse_header

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


class _Parser:
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
            field = _field(label, inner)
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


def _field(label: str | int, inner: Type) -> Field:
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


def infer(value: Value) -> Type:
    """The type of a value that has no annotation."""
    form = value[0]
    if form == "typed":
        inner: Type = value[1][1]
        return inner
    if form in _FORM_KINDS:
        return PRIMITIVES[_FORM_KINDS[form]]
    if form == "blob":
        return Vec(PRIMITIVES[NAT8])
    if form == "opt":
        return Opt(infer(value[1]))
    if form == "vec":
        joined: Type = PRIMITIVES[EMPTY]
        for item in value[1]:
            joined = join(joined, infer(item))
        return Vec(joined)
    if form == "record":
        record = Record()
        record.set_fields([_field(label, infer(inner)) for label, inner in value[1].values()])
        return record
    if form == "variant":
        label, inner_value = value[1]
        variant = Variant()
        variant.set_fields([_field(label, infer(inner_value))])
        return variant
    return Func([], [], []) if form == "func" else Service()


_FORM_KINDS = {
    "null": NULL,
    "bool": BOOL,
    "int": INT,
    "float": FLOAT64,
    "text": TEXT,
    "principal": PRINCIPAL,
}


def join(left: Type, right: Type) -> Type:
    """A type that values of both have; raises CandidError when there is none."""
    if left.kind == EMPTY:
        return right
    if right.kind == EMPTY:
        return left
    if left.kind == right.kind:
        if isinstance(left, Opt) and isinstance(right, Opt):
            return Opt(join(left.inner, right.inner))
        if isinstance(left, Vec) and isinstance(right, Vec):
            return Vec(join(left.inner, right.inner))
        if isinstance(left, Record) and isinstance(right, Record):
            return _join_fields(left, right)
        return left
    if left.kind == NULL:
        return right if isinstance(right, Opt) else Opt(right)
    if right.kind == NULL:
        return left if isinstance(left, Opt) else Opt(left)
    raise CandidError(
        f"the elements of a vec have one type, these have {type_name(left)} and {type_name(right)}"
    )


def _join_fields(left: Record, right: Record) -> Record:
    node = Variant() if left.kind == VARIANT else Record()
    fields = []
    for number in sorted({*left.by_hash, *right.by_hash}):
        one, other = left.by_hash.get(number), right.by_hash.get(number)
        if one is not None and other is not None:
            fields.append(_field(one.label, join(one.type, other.type)))
        elif left.kind == VARIANT:
            known = one or other
            assert known is not None
            fields.append(known)
        else:
            raise CandidError("the records in a vec have the same fields")
    node.set_fields(fields)
    return node


def encode(value: Value, node: Type) -> bytes:
    """The bytes of a parsed value of a type."""
    form = value[0]
    if form == "typed":
        inner, annotated = value[1]
        if not is_subtype(annotated, node) and annotated.kind != node.kind:
            raise _wrong(value, node)
        return encode(inner, node)
    if node.kind in (RESERVED, NULL):
        if node.kind == NULL and form != "null":
            raise _wrong(value, node)
        return b""
    if isinstance(node, Opt):
        if form == "null":
            return b"\0"
        return b"\1" + encode(value[1] if form == "opt" else value, node.inner)
    if isinstance(node, Vec):
        if form == "blob" and node.inner.kind == NAT8:
            return uleb(len(value[1])) + bytes(value[1])
        if form == "vec":
            return uleb(len(value[1])) + b"".join([encode(item, node.inner) for item in value[1]])
        raise _wrong(value, node)
    if isinstance(node, Record):
        return _encode_fields(value, node)
    return _encode_simple(value, node)


def _encode_fields(value: Value, node: Record) -> bytes:
    if node.kind == VARIANT:
        if value[0] == "variant":
            label, inner = value[1]
            number = label if isinstance(label, int) else label_hash(label)
            for index, field in enumerate(node.fields):
                if field.hash == number:
                    return uleb(index) + encode(inner, field.type)
        raise _wrong(value, node)
    if value[0] != "record":
        raise _wrong(value, node)
    parts = []
    for field in node.fields:
        given = value[1].get(field.hash)
        if given is None and field.type.kind != NULL and not isinstance(field.type, Opt):
            raise CandidError(f"the field {field.label} of {type_name(node)} is missing")
        parts.append(encode(("null",) if given is None else given[1], field.type))
    return b"".join(parts)


def _encode_simple(value: Value, node: Type) -> bytes:
    form = value[0]
    if isinstance(node, (Func, Service)) or node.kind == PRINCIPAL:
        if form == "func" and isinstance(node, Func):
            principal, method = value[1]
            name = method.encode()
            return b"".join([b"\1\1", uleb(len(principal)), principal, uleb(len(name)), name])
        if form == ("service" if isinstance(node, Service) else "principal"):
            return b"\1" + uleb(len(value[1])) + bytes(value[1])
        raise _wrong(value, node)
    fits = {BOOL: "bool", TEXT: "text", FLOAT32: "float", FLOAT64: "float"}.get(node.kind, "int")
    if form != fits and not (fits == "float" and form == "int"):
        raise _wrong(value, node)
    out = bytearray()
    try:
        encoder_of(node)(value[1], out)
    except (struct.error, ValueError, OverflowError):
        raise CandidError(f"{value[1]} is out of the range of {type_name(node)}") from None
    return bytes(out)


def _wrong(value: Value, node: Type) -> CandidError:
    return CandidError(
        f"expected {type_name(node)}, found a value of type {type_name(infer(value))}"
    )


def encode_from_text(text: str) -> bytes:
    """Candid bytes of a textual argument list such as `(42 : nat, "a")`. Raises CandidError."""
    if not isinstance(text, str):
        raise TypeError(f"candid_encode takes a text, not {type(text).__name__}")
    values = _Parser(text).args()
    types = [infer(value) for value in values]
    return header(types) + b"".join(
        [encode(v, node) for v, node in zip(values, types, strict=True)]
    )


def decode_to_text(data: bytes) -> str:
    """The textual argument list of Candid bytes. Raises CandidError."""
    if not isinstance(data, (bytes, bytearray)):
        raise TypeError(f"candid_decode takes a blob, not {type(data).__name__}")
    data = bytes(data)
    reset_budget()
    with _clear_errors():
        types, pos = parse_header(data)
        shown = []
        for node in types:
            text, pos = show(node, data, pos)
            shown.append(text)
        if pos != len(data):
            raise CandidError(f"{len(data) - pos} bytes follow the last value")
    return f"({', '.join(shown)})"


def show(node: Type, data: bytes, pos: int) -> tuple[str, int]:
    """The text of one value and the position after it."""
    if isinstance(node, Opt):
        flag = data[pos]
        if flag > 1:
            raise CandidError(f"an option starts with 0 or 1, not {flag}")
        if flag == 0:
            return "null", pos + 1
        text, pos = show(node.inner, data, pos + 1)
        return (f"opt ({text})" if " : " in text and text[0] not in "{rv" else f"opt {text}"), pos
    if isinstance(node, Vec):
        return _show_vec(node.inner, data, pos)
    if isinstance(node, Record):
        return _show_fields(node, data, pos)
    if isinstance(node, Service):
        principal, pos = READERS[PRINCIPAL](data, pos)
        return f'service "{principal}"', pos
    value, pos = READERS[node.kind](data, pos)
    if isinstance(node, Func):
        return f'func "{value[0]}".{label_text(value[1])}', pos
    return _show_simple(node.kind, value), pos


def _show_simple(kind: int, value: Any) -> str:
    if kind == TEXT:
        return quote(value)
    if kind == BOOL:
        return "true" if value else "false"
    if kind == NULL:
        return "null"
    if kind in (RESERVED, FUTURE):
        return "null : reserved"
    if kind == PRINCIPAL:
        return f'principal "{value}"'
    if kind in (FLOAT32, FLOAT64):
        return f"{value!r} : {PRIMITIVE_NAMES[kind]}"
    return f"{value:_} : {PRIMITIVE_NAMES[kind]}"


def _show_vec(inner: Type, data: bytes, pos: int) -> tuple[str, int]:
    count, pos = _length(data, pos)
    if inner.kind == NAT8:
        if pos + count > len(data):
            raise CandidError("the message ends in the middle of a blob")
        return f'blob "{_show_bytes(data[pos : pos + count])}"', pos + count
    shown = []
    for _ in range(count):
        before = pos
        text, pos = show(inner, data, pos)
        if pos == before:
            _charge(1)
        shown.append(text)
    return ("vec { " + "; ".join(shown) + " }" if shown else "vec {}"), pos


def _show_bytes(data: bytes) -> str:
    return "".join(
        [chr(b) if 32 <= b < 127 and b not in (34, 39, 92) else f"\\{b:02x}" for b in data]
    )


def _show_fields(node: Record, data: bytes, pos: int) -> tuple[str, int]:
    if node.kind == VARIANT:
        index, pos = _length(data, pos)
        if index >= len(node.fields):
            raise CandidError(f"a variant of {len(node.fields)} cases has no case number {index}")
        field = node.fields[index]
        text, pos = show(field.type, data, pos)
        name = _label(field)
        return (
            f"variant {{ {name} }}" if text == "null" else f"variant {{ {name} = {text} }}"
        ), pos
    shown = []
    is_tuple = [field.hash for field in node.fields] == list(range(len(node.fields)))
    for field in node.fields:
        before = pos
        text, pos = show(field.type, data, pos)
        if pos == before:
            _charge(1)
        shown.append(text if is_tuple else f"{_label(field)} = {text}")
    return ("record { " + "; ".join(shown) + " }" if shown else "record {}"), pos


def _label(field: Field) -> str:
    return f"{field.label:_}" if isinstance(field.label, int) else label_text(field.label)
