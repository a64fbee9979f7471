"""Values whose type only their sender knows, on top of the canisters' decoder.

The canisters' own code never needs them; a gateway does: a streaming token goes back to the
canister as it came, and the signature of the callback is made of the token's type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dcanary.candid._codec import decoding, errors, readers, types, wire

__all__ = ["ANY_FUNC", "ANY_VALUE", "ArgsDecoder"]

Decoder = Callable[[bytes, int], tuple[Any, int]]

# Both stand in for `reserved`, of which every type is a subtype. So options of them are read
# whatever they hold, and a field of them may be missing: its value is then None.
ANY_VALUE = types.Primitive(types.RESERVED)
"""Any value, decoded as a message of its own that holds just this value."""
ANY_FUNC = types.Primitive(types.RESERVED)
"""A function reference of any signature."""


class _Compiler(decoding._Compiler):
    def _read(self, sent: types.Type, expected: types.Type) -> Decoder:
        if expected is ANY_VALUE:
            return self._as_message(sent)
        if expected is ANY_FUNC and sent.kind != types.RESERVED:
            if sent.kind != types.FUNC:
                raise errors.CandidError(f"expected func, got {types.type_name(sent)}")
            return readers.read_func
        return super()._read(sent, expected)

    def _as_message(self, sent: types.Type) -> Decoder:
        head = types.header([sent])
        skip = self.decoder(sent, None)

        def decode(data: bytes, pos: int) -> tuple[bytes, int]:
            end = skip(data, pos)[1]
            return head + data[pos:end], end

        return decode


class ArgsDecoder(decoding.ArgsDecoder):
    """The canisters' decoder, which also reads ANY_VALUE and ANY_FUNC."""

    __slots__ = ()

    def _compile(self, data: bytes) -> tuple[list[Decoder], int]:
        sent, start = wire.parse_header(data)
        compiler = _Compiler()
        decoders: list[Decoder] = []
        for index, node in enumerate(sent):
            expected: Any = self.types[index] if index < len(self.types) else None
            try:
                decoders.append(compiler.decoder(node, expected))
            except errors.CandidError as error:
                raise errors.CandidError(f"value {index}: {error}") from None
        for index, node in enumerate(self.types[len(sent) :], len(sent)):
            if not types.accepts_nothing(node):
                raise errors.CandidError(
                    f"value {index} ({types.type_name(node)}) is missing: "
                    f"{len(self.types)} values expected, {len(sent)} given"
                )
        return decoders, start
