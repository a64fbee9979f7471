"""Candid bytes to Python values.

A message brings its own types. For each pair of (wire type, expected type) a closure
`decode(data, position) -> (value, position)` is made; the closures of a whole message header are
kept with the method, so that the next message with the same header costs no compilation.

Hostile input: every length is checked against the bytes that are there; values without bytes (null,
reserved, empty records) are counted against a budget, so that a short message cannot describe a
long vector; numbers, the type table and nesting are bounded. All failures are CandidError.
"""

from __future__ import annotations

import struct
from typing import Any, Callable, NoReturn

from ._encode import FIXED_FORMATS, ArgsEncoder
from ._errors import CandidError
from ._principal import MAX_LENGTH, Principal
from ._types import (
    BOOL,
    EMPTY,
    FUNC,
    FUTURE,
    INT,
    NAT,
    NAT8,
    NULL,
    PRINCIPAL,
    RECORD,
    RESERVED,
    SERVICE,
    TEXT,
    VARIANT,
    Opt,
    Record,
    Service,
    Type,
    Vec,
    accepts_nothing,
    is_subtype,
    type_name,
)
from ._wire import parse_header

Decoder = Callable[[bytes, int], "tuple[Any, int]"]

ZERO_SIZE_BUDGET = 100_000
"""How many values without bytes one message may contain."""
MAX_NUMBER_BYTES = 1_024
"""Longest LEB128 of one nat or int: 7,168 bits."""
MAX_CACHED_HEADERS = 8
MAX_CACHED_HEADER_BYTES = 4_096

_budget = [ZERO_SIZE_BUDGET]


def reset_budget() -> None:
    """Start counting the values without bytes of a new message."""
    _budget[0] = ZERO_SIZE_BUDGET


def _charge(count: int) -> None:
    _budget[0] -= count
    if _budget[0] < 0:
        raise CandidError(
            f"the message contains more than {ZERO_SIZE_BUDGET} values that take no bytes"
        )


def _short() -> NoReturn:
    raise CandidError("the message ends in the middle of a value")


def _length(data: bytes, pos: int) -> tuple[int, int]:
    """A length: unsigned LEB128 of at most 5 significant bytes (padding with zeros allowed)."""
    value = data[pos]
    pos += 1
    if value < 128:
        return value, pos
    value &= 127
    shift = 7
    while True:
        byte = data[pos]
        pos += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, pos
        shift += 7
        if shift > 70:
            raise CandidError("a length is written with more than 10 bytes")


def _nat(data: bytes, pos: int) -> tuple[int, int]:
    value = data[pos]
    if value < 128:
        return value, pos + 1
    end = _leb_end(data, pos)
    value = 0
    for byte in reversed(data[pos:end]):
        value = value << 7 | byte & 127
    return value, end


def _int(data: bytes, pos: int) -> tuple[int, int]:
    end = _leb_end(data, pos)
    value = 0
    for byte in reversed(data[pos:end]):
        value = value << 7 | byte & 127
    if data[end - 1] & 64:
        value -= 1 << (7 * (end - pos))
    return value, end


def _leb_end(data: bytes, pos: int) -> int:
    start = pos
    while data[pos] > 127:
        pos += 1
        if pos - start >= MAX_NUMBER_BYTES:
            raise CandidError(f"a number is written with more than {MAX_NUMBER_BYTES} bytes")
    return pos + 1


def _null(data: bytes, pos: int) -> tuple[None, int]:
    return None, pos


def _bool(data: bytes, pos: int) -> tuple[bool, int]:
    value = data[pos]
    if value > 1:
        raise CandidError(f"a bool is 0 or 1, not {value}")
    return value == 1, pos + 1


def _text(data: bytes, pos: int) -> tuple[str, int]:
    length = data[pos]
    pos += 1
    if length > 127:
        length, pos = _length(data, pos - 1)
    end = pos + length
    if end > len(data):
        _short()
    return str(data[pos:end], "utf-8"), end


def _blob(data: bytes, pos: int) -> tuple[bytes, int]:
    length, pos = _length(data, pos)
    end = pos + length
    if end > len(data):
        _short()
    return data[pos:end], end


def _principal(data: bytes, pos: int) -> tuple[Principal, int]:
    if data[pos] != 1:
        raise CandidError("opaque references are not supported")
    length = data[pos + 1]
    pos += 2
    end = pos + length
    if length > MAX_LENGTH:
        raise CandidError(f"a principal has at most {MAX_LENGTH} bytes, this one {length}")
    if end > len(data):
        _short()
    return Principal(data[pos:end]), end


def _func(data: bytes, pos: int) -> tuple[tuple[Principal, str], int]:
    if data[pos] != 1:
        raise CandidError("opaque references are not supported")
    principal, pos = _principal(data, pos + 1)
    method, pos = _text(data, pos)
    return (principal, method), pos


def _empty(data: bytes, pos: int) -> tuple[None, int]:
    raise CandidError("the message contains a value of type empty, which has none")


def _future(data: bytes, pos: int) -> tuple[None, int]:
    length, pos = _length(data, pos)
    references, pos = _length(data, pos)
    if references or pos + length > len(data):
        _short()
    return None, pos + length


_SIMPLE: dict[int, Decoder] = {
    NULL: _null,
    BOOL: _bool,
    NAT: _nat,
    INT: _int,
    TEXT: _text,
    RESERVED: _null,
    EMPTY: _empty,
    PRINCIPAL: _principal,
    FUNC: _func,
    FUTURE: _future,
}
_ZERO_SIZE = (NULL, RESERVED)


def _make_fixed(kind: int) -> Decoder:
    form = struct.Struct("<" + FIXED_FORMATS[kind])
    unpack, size = form.unpack_from, form.size
    if kind == NAT8:

        def decode_byte(data: bytes, pos: int) -> tuple[int, int]:
            return data[pos], pos + 1

        return decode_byte

    def decode(data: bytes, pos: int) -> tuple[Any, int]:
        return unpack(data, pos)[0], pos + size

    return decode


for _kind in FIXED_FORMATS:
    _SIMPLE[_kind] = _make_fixed(_kind)


class _Compiler:
    """Makes the decoders for the types of one message header."""

    def __init__(self) -> None:
        self.done: dict[tuple[int, int], Decoder] = {}
        self.zero: dict[int, bool] = {}

    def decoder(self, wire: Type, expected: Type | None) -> Decoder:
        """Read `wire` as `expected`; None means skip it."""
        key = (id(wire), id(expected))
        known = self.done.get(key)
        if known is not None:
            return known
        cell: list[Decoder] = []

        def late(data: bytes, pos: int) -> tuple[Any, int]:
            return cell[0](data, pos)

        self.done[key] = late
        made = self._skip(wire) if expected is None else self._read(wire, expected)
        cell.append(made)
        self.done[key] = made
        return made

    def _skip(self, wire: Type) -> Decoder:
        simple = _SIMPLE.get(wire.kind)
        if wire.kind in (NAT, INT):
            return _skip_number
        if simple is not None:
            return simple
        if isinstance(wire, Opt):
            return _read_opt(self.decoder(wire.inner, None))
        if isinstance(wire, Vec):
            return self._vec(wire.inner, None)
        if isinstance(wire, Record):
            if wire.kind == VARIANT:
                return _read_variant([(None, self.decoder(f.type, None)) for f in wire.fields])
            plan = [(None, self.decoder(field.type, None)) for field in wire.fields]
            return _read_record(plan, {}, self._zero_fields(wire))
        return _principal  # a service

    def _read(self, wire: Type, expected: Type) -> Decoder:
        want = expected.kind
        if want == RESERVED:
            skip = self.decoder(wire, None)

            def decode_reserved(data: bytes, pos: int) -> tuple[None, int]:
                return None, skip(data, pos)[1]

            return decode_reserved
        if isinstance(expected, Opt):
            return self._opt(wire, expected)
        have = wire.kind
        if have == NAT and want == INT:
            return _nat
        if have == EMPTY:
            return _empty
        if have != want or have == FUTURE:
            raise _refused(wire, expected)
        if have == FUNC:
            if not is_subtype(wire, expected):
                raise _refused(wire, expected)
            return _func
        simple = _SIMPLE.get(want)
        if simple is not None:
            return simple
        if isinstance(wire, Vec) and isinstance(expected, Vec):
            return self._vec(wire.inner, expected.inner)
        if isinstance(wire, Record) and isinstance(expected, Record):
            if want == VARIANT:
                return self._variant(wire, expected)
            return self._record(wire, expected)
        if have == SERVICE and isinstance(expected, Service):
            if not is_subtype(wire, expected):
                raise _refused(wire, expected)
            make = expected.make or (lambda principal: principal)

            def decode_service(data: bytes, pos: int) -> tuple[Any, int]:
                principal, pos = _principal(data, pos)
                return make(principal), pos

            return decode_service
        raise _refused(wire, expected)

    def _opt(self, wire: Type, expected: Opt) -> Decoder:
        inner = expected.inner
        if wire.kind in (NULL, RESERVED):
            return _null
        if isinstance(wire, Opt):
            if is_subtype(wire.inner, inner):
                return _read_opt(self.decoder(wire.inner, inner))
            return _as_none(_read_opt(self.decoder(wire.inner, None)))
        # A plain value where an option is expected becomes Some, unless None could be meant by it.
        if not accepts_nothing(inner) and is_subtype(wire, inner):
            return self.decoder(wire, inner)
        return _as_none(self.decoder(wire, None))

    def _vec(self, wire: Type, expected: Type | None) -> Decoder:
        have = wire.kind
        want = have if expected is None else expected.kind
        letter = FIXED_FORMATS.get(have)
        if letter is not None and want == have:
            return _blob if have == NAT8 else _read_numbers(letter)
        item = self.decoder(wire, expected)
        if self._is_zero_size(wire):

            def decode_free(data: bytes, pos: int) -> tuple[list[Any], int]:
                count, pos = _length(data, pos)
                _charge(count)
                return [item(data, pos)[0] for _ in range(count)], pos

            return decode_free

        def decode(data: bytes, pos: int) -> tuple[list[Any], int]:
            count, pos = _length(data, pos)
            if count > len(data) - pos:
                _short()
            items: list[Any] = []
            add = items.append
            for _ in range(count):
                value, pos = item(data, pos)
                add(value)
            return items, pos

        return decode

    def _record(self, wire: Record, expected: Record) -> Decoder:
        plan: list[tuple[Any, Decoder]] = []
        for field in wire.fields:
            wanted = expected.by_hash.get(field.hash)
            if wanted is None:
                plan.append((None, self.decoder(field.type, None)))
            else:
                try:
                    plan.append((wanted.key, self.decoder(field.type, wanted.type)))
                except CandidError as error:
                    raise CandidError(
                        f"field {wanted.label} of {type_name(expected)}: {error}"
                    ) from None
        missing: dict[Any, Any] = {}
        for wanted in expected.fields:
            if wanted.hash not in wire.by_hash:
                if not accepts_nothing(wanted.type):
                    raise CandidError(f"field {wanted.label} of {type_name(expected)} is missing")
                missing[wanted.key] = None
        zero = self._zero_fields(wire)
        if not expected.is_tuple:
            return _read_record(plan, missing, zero)
        as_dict = _read_record(plan, missing, zero)
        keys = [field.key for field in expected.fields]
        if keys == [key for key, _ in plan] and not zero:
            return _read_tuple([decode for _, decode in plan])

        def decode(data: bytes, pos: int) -> tuple[Any, int]:
            found, pos = as_dict(data, pos)
            return tuple([found[key] for key in keys]), pos

        return decode

    def _variant(self, wire: Record, expected: Record) -> Decoder:
        cases: list[tuple[Any, Decoder]] = []
        for field in wire.fields:
            wanted = expected.by_hash.get(field.hash)
            if wanted is None:
                cases.append((None, _unknown_case(field.label, expected)))
                continue
            try:
                cases.append((wanted.key, self.decoder(field.type, wanted.type)))
            except CandidError as error:
                cases.append((None, _bad_case(f"case {wanted.label}: {error}")))
        return _read_variant(cases)

    def _zero_fields(self, node: Record) -> int:
        return sum(1 for field in node.fields if self._is_zero_size(field.type))

    def _is_zero_size(self, node: Type) -> bool:
        """Whether values of the type take no bytes. A record in itself is taken as one that does
        not: no such value exists, so reading it only ends in an error."""
        if node.kind in _ZERO_SIZE:
            return True
        if node.kind != RECORD or not isinstance(node, Record):
            return False
        known = self.zero.get(id(node))
        if known is None:
            self.zero[id(node)] = True
            known = all(self._is_zero_size(field.type) for field in node.fields)
            self.zero[id(node)] = known
        return known


def _refused(wire: Type, expected: Type) -> CandidError:
    return CandidError(f"expected {type_name(expected)}, got {type_name(wire)}")


def _skip_number(data: bytes, pos: int) -> tuple[None, int]:
    while data[pos] > 127:
        pos += 1
    return None, pos + 1


def _as_none(inner: Decoder) -> Decoder:
    def decode(data: bytes, pos: int) -> tuple[None, int]:
        return None, inner(data, pos)[1]

    return decode


def _read_opt(inner: Decoder) -> Decoder:
    def decode(data: bytes, pos: int) -> tuple[Any, int]:
        flag = data[pos]
        if flag == 0:
            return None, pos + 1
        if flag != 1:
            raise CandidError(f"an option starts with 0 or 1, not {flag}")
        return inner(data, pos + 1)

    return decode


def _read_numbers(letter: str) -> Decoder:
    size = struct.calcsize("<" + letter)

    def decode(data: bytes, pos: int) -> tuple[list[Any], int]:
        count, pos = _length(data, pos)
        if count * size > len(data) - pos:
            _short()
        return list(struct.unpack_from(f"<{count}{letter}", data, pos)), pos + count * size

    return decode


def _read_record(plan: list[tuple[Any, Decoder]], missing: dict[Any, Any], zero: int) -> Decoder:
    if zero == 0 and not missing and all(key is not None for key, _ in plan):

        def decode_plain(data: bytes, pos: int) -> tuple[Any, int]:
            found = {}
            for key, decode in plan:
                found[key], pos = decode(data, pos)
            return found, pos

        return decode_plain

    def decode_record(data: bytes, pos: int) -> tuple[Any, int]:
        if zero:
            _charge(zero)
        found = dict(missing)
        for key, decode in plan:
            value, pos = decode(data, pos)
            if key is not None:
                found[key] = value
        return found, pos

    return decode_record


def _read_tuple(decoders: list[Decoder]) -> Decoder:
    def decode_tuple(data: bytes, pos: int) -> tuple[Any, int]:
        items = []
        for decode in decoders:
            value, pos = decode(data, pos)
            items.append(value)
        return tuple(items), pos

    return decode_tuple


def _read_variant(cases: list[tuple[Any, Decoder]]) -> Decoder:
    def decode_variant(data: bytes, pos: int) -> tuple[Any, int]:
        index, pos = _length(data, pos)
        if index >= len(cases):
            raise CandidError(f"a variant of {len(cases)} cases has no case number {index}")
        key, decode = cases[index]
        value, pos = decode(data, pos)
        return {key: value}, pos

    return decode_variant


def _unknown_case(label: Any, expected: Record) -> Decoder:
    names = ", ".join(str(field.label) for field in expected.fields)
    return _bad_case(f"{type_name(expected)} has no case number {label}; it has {names}")


def _bad_case(message: str) -> Decoder:
    def decode(data: bytes, pos: int) -> tuple[Any, int]:
        raise CandidError(message)

    return decode


class _clear_errors:
    """Turns what cut-off or over-nested messages raise on the way into a CandidError."""

    __slots__ = ()

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None or issubclass(kind, CandidError):
            return
        if issubclass(kind, (IndexError, struct.error)):
            raise CandidError("the message ends in the middle of a value") from None
        if issubclass(kind, UnicodeDecodeError):
            raise CandidError("a text is not UTF-8") from None
        if issubclass(kind, RecursionError):
            raise CandidError("the message is nested too deeply") from None


class ArgsDecoder:
    """Decodes messages as a list of values of the given types.

    Fewer values than types are allowed where the missing ones may be None; more are skipped
    (Candid specification, "Deserialisation"). Raises CandidError.
    """

    __slots__ = ("_known", "types")

    def __init__(self, types: list[Type]) -> None:
        self.types = types
        self._known: list[tuple[bytes, list[Decoder]]] = []
        own = ArgsEncoder(types).header
        self._known.append((own, self._compile(own)[0]))

    def __call__(self, data: bytes) -> list[Any]:
        _budget[0] = ZERO_SIZE_BUDGET
        with _clear_errors():
            for head, decoders in self._known:
                if data.startswith(head):
                    return self._values(data, len(head), decoders)
            decoders, start = self._compile(data)
            if start <= MAX_CACHED_HEADER_BYTES:
                # The first entry, this canister's own form, always stays.
                del self._known[MAX_CACHED_HEADERS - 1 :]
                self._known.insert(1, (data[:start], decoders))
            return self._values(data, start, decoders)

    def single(self, head: bytes) -> Callable[[bytes], Any]:
        """A decoder of one value whose message header was stored apart from it."""
        with _clear_errors():
            (decode,), _ = self._compile(head)

        def decode_body(data: bytes) -> Any:
            _budget[0] = ZERO_SIZE_BUDGET
            with _clear_errors():
                value, pos = decode(data, 0)
            if pos != len(data):
                raise CandidError(f"{len(data) - pos} bytes follow the value")
            return value

        return decode_body

    def _values(self, data: bytes, pos: int, decoders: list[Decoder]) -> list[Any]:
        values = []
        for decode in decoders:
            value, pos = decode(data, pos)
            values.append(value)
        if pos != len(data):
            raise CandidError(f"{len(data) - pos} bytes follow the last value")
        count = len(self.types)
        if len(values) < count:
            values += [None] * (count - len(values))
        return values[:count]

    def _compile(self, data: bytes) -> tuple[list[Decoder], int]:
        wires, start = parse_header(data)
        compiler = _Compiler()
        decoders: list[Decoder] = []
        for index, wire in enumerate(wires):
            expected = self.types[index] if index < len(self.types) else None
            try:
                decoders.append(compiler.decoder(wire, expected))
            except CandidError as error:
                raise CandidError(f"value {index}: {error}") from None
        for index in range(len(wires), len(self.types)):
            if not accepts_nothing(self.types[index]):
                raise CandidError(
                    f"value {index} ({type_name(self.types[index])}) is missing: "
                    f"{len(self.types)} values expected, {len(wires)} given"
                )
        return decoders, start


def decode_any(data: bytes) -> tuple[list[Type], list[Any]]:
    """The types a message carries, and its values read by those types.

    Records and variants become dicts by field number. Raises CandidError.
    """
    _budget[0] = ZERO_SIZE_BUDGET
    with _clear_errors():
        types, pos = parse_header(data)
        compiler = _Compiler()
        values = []
        for wire in types:
            decode = compiler.decoder(wire, None if wire.kind == FUTURE else wire)
            value, pos = decode(data, pos)
            values.append(value)
        if pos != len(data):
            raise CandidError(f"{len(data) - pos} bytes follow the last value")
        return types, values
