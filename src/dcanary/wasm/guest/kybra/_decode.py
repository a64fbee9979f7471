"""Candid messages to Python values.

A message brings its own types. For each pair of (wire type, expected type) a reader is made; the
readers of a whole message header are kept with the method, so that the next message with the same
header costs no compilation. The type table and nesting are bounded; see `_readers` for the rest.
"""

from __future__ import annotations

from typing import Any, Callable

from ._encode import FIXED_FORMATS, ArgsEncoder
from ._errors import CandidError
from ._readers import (
    DECODE_ERRORS,
    READERS,
    ZERO_SIZE,
    Decoder,
    as_candid_error,
    as_none,
    charge,
    failing_reader,
    numbers_reader,
    opt_reader,
    read_blob,
    read_empty,
    read_func,
    read_length,
    read_nat,
    read_null,
    read_principal,
    record_reader,
    reset_budget,
    short,
    skip_number,
    tuple_reader,
    variant_reader,
)
from ._types import (
    EMPTY,
    FUNC,
    FUTURE,
    INT,
    NAT,
    NAT8,
    NULL,
    RECORD,
    RESERVED,
    SERVICE,
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

MAX_CACHED_HEADERS = 8
MAX_CACHED_HEADER_BYTES = 4_096


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
        simple = READERS.get(wire.kind)
        if wire.kind in (NAT, INT):
            return skip_number
        if simple is not None:
            return simple
        if isinstance(wire, Opt):
            return opt_reader(self.decoder(wire.inner, None))
        if isinstance(wire, Vec):
            return self._vec(wire.inner, None)
        if isinstance(wire, Record):
            if wire.kind == VARIANT:
                return variant_reader([(None, self.decoder(f.type, None)) for f in wire.fields])
            plan = [(None, self.decoder(field.type, None)) for field in wire.fields]
            return record_reader(plan, {}, self._zero_fields(wire))
        return read_principal  # a service

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
            return read_nat
        if have == EMPTY:
            return read_empty
        if have != want or have == FUTURE:
            raise _refused(wire, expected)
        if have == FUNC:
            if not is_subtype(wire, expected):
                raise _refused(wire, expected)
            return read_func
        simple = READERS.get(want)
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
                principal, pos = read_principal(data, pos)
                return make(principal), pos

            return decode_service
        raise _refused(wire, expected)

    def _opt(self, wire: Type, expected: Opt) -> Decoder:
        inner = expected.inner
        if wire.kind in (NULL, RESERVED):
            return read_null
        if isinstance(wire, Opt):
            if is_subtype(wire.inner, inner):
                return opt_reader(self.decoder(wire.inner, inner))
            return as_none(opt_reader(self.decoder(wire.inner, None)))
        # A plain value where an option is expected becomes Some, unless None could be meant by it.
        if not accepts_nothing(inner) and is_subtype(wire, inner):
            return self.decoder(wire, inner)
        return as_none(self.decoder(wire, None))

    def _vec(self, wire: Type, expected: Type | None) -> Decoder:
        have = wire.kind
        want = have if expected is None else expected.kind
        letter = FIXED_FORMATS.get(have)
        if letter is not None and want == have:
            return read_blob if have == NAT8 else numbers_reader(letter)
        item = self.decoder(wire, expected)
        if self._is_zero_size(wire):

            def decode_free(data: bytes, pos: int) -> tuple[list[Any], int]:
                count, pos = read_length(data, pos)
                charge(count)
                return [item(data, pos)[0] for _ in range(count)], pos

            return decode_free

        def decode(data: bytes, pos: int) -> tuple[list[Any], int]:
            count, pos = read_length(data, pos)
            if count > len(data) - pos:
                short()
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
            return record_reader(plan, missing, zero)
        as_dict = record_reader(plan, missing, zero)
        keys = [field.key for field in expected.fields]
        if keys == [key for key, _ in plan] and not zero:
            return tuple_reader([decode for _, decode in plan])

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
                cases.append((None, failing_reader(f"case {wanted.label}: {error}")))
        return variant_reader(cases)

    def _zero_fields(self, node: Record) -> int:
        return sum(1 for field in node.fields if self._is_zero_size(field.type))

    def _is_zero_size(self, node: Type) -> bool:
        """Whether values of the type take no bytes. A record in itself is taken as one that does
        not: no such value exists, so reading it only ends in an error."""
        if node.kind in ZERO_SIZE:
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


def _unknown_case(label: Any, expected: Record) -> Decoder:
    names = ", ".join(str(field.label) for field in expected.fields)
    return failing_reader(f"{type_name(expected)} has no case number {label}; it has {names}")


class ArgsDecoder:
    """Decodes messages as a list of values of the given types.

    Fewer values than types are allowed where the missing ones may be None; more are skipped
    (Candid specification, "Deserialisation"). Raises CandidError.
    """

    __slots__ = ("known", "types")

    def __init__(self, types: list[Type]) -> None:
        self.types = types
        self.known: list[tuple[bytes, list[Decoder]]] = []
        own = ArgsEncoder(types).header
        self.known.append((own, self._compile(own)[0]))

    def __call__(self, data: bytes) -> list[Any]:
        reset_budget()
        try:
            for head, decoders in self.known:
                if data.startswith(head):
                    return self._values(data, len(head), decoders)
            decoders, start = self._compile(data)
            if start <= MAX_CACHED_HEADER_BYTES:
                # The first entry, this canister's own form, always stays.
                del self.known[MAX_CACHED_HEADERS - 1 :]
                self.known.insert(1, (data[:start], decoders))
            return self._values(data, start, decoders)
        except DECODE_ERRORS as error:
            raise as_candid_error(error) from None

    def single(self, head: bytes) -> Callable[[bytes], Any]:
        """A decoder of one value whose message header was stored apart from it."""
        try:
            (decode,), _ = self._compile(head)
        except DECODE_ERRORS as error:
            raise as_candid_error(error) from None

        def decode_body(data: bytes) -> Any:
            reset_budget()
            try:
                value, pos = decode(data, 0)
            except DECODE_ERRORS as error:
                raise as_candid_error(error) from None
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
