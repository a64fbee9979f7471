"""Principals: the identities of users and canisters (IC interface spec, "Principals")."""

from __future__ import annotations

import hashlib
from binascii import crc32

MAX_LENGTH = 29
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}


class Principal:
    """An identity of 0 to 29 bytes. Equal by value, hashable, ordered by its bytes.

    The constructors and properties are those of Kybra 0.7.1; equality works against any object
    that carries the same `bytes` (so that two copies of this module agree).
    """

    __slots__ = ("_bytes", "_text")

    def __init__(self, bytes: bytes = b"") -> None:
        if len(bytes) > MAX_LENGTH:
            raise ValueError(f"a principal has at most {MAX_LENGTH} bytes, this one {len(bytes)}")
        self._bytes = bytes
        self._text = ""

    @staticmethod
    def management_canister() -> Principal:
        """The principal `aaaaa-aa`."""
        return Principal(b"")

    @staticmethod
    def anonymous() -> Principal:
        """The principal of callers that did not sign, `2vxsx-fae`."""
        return Principal(b"\x04")

    @staticmethod
    def self_authenticating(pubkey: str | bytes) -> Principal:
        """The principal of a DER-encoded public key (bytes, or its hexadecimal text)."""
        key = bytes.fromhex(pubkey) if isinstance(pubkey, str) else pubkey
        return Principal(hashlib.sha224(key).digest() + b"\x02")

    @staticmethod
    def from_hex(s: str) -> Principal:
        """The principal whose bytes are written in hexadecimal."""
        return Principal(bytes.fromhex(s))

    @staticmethod
    def from_str(s: str) -> Principal:
        """Read the textual form; raises ValueError unless it is the canonical text."""
        number = 0
        letters = s.replace("-", "")
        try:
            for letter in letters:
                number = number << 5 | _VALUES[letter]
        except KeyError as error:
            raise ValueError(f"not a principal: {s!r} contains {error.args[0]!r}") from None
        bits = len(letters) * 5
        raw = (number >> bits % 8).to_bytes(bits // 8, "big")
        if not 4 <= len(raw) <= 4 + MAX_LENGTH:
            raise ValueError(f"not a principal: {s!r} has the wrong length")
        principal = Principal(raw[4:])
        if principal.to_str() != s:
            raise ValueError(f"not a principal: the checksum or the form of {s!r} is wrong")
        return principal

    def to_str(self) -> str:
        """The textual form: base 32 of checksum and bytes, in groups of five."""
        if not self._text:
            raw = crc32(self._bytes).to_bytes(4, "big") + self._bytes
            length = (len(raw) * 8 + 4) // 5
            # Two letters at a time, from the end; an odd number of letters gets one in front.
            number = int.from_bytes(raw, "big") << (length * 5 - len(raw) * 8)
            pairs = []
            for _ in range((length + 1) // 2):
                pairs.append(_PAIRS[number & 1023])
                number >>= 10
            pairs.reverse()
            text = "".join(pairs)[length & 1 :]
            self._text = "-".join([text[i : i + 5] for i in range(0, length, 5)])
        return self._text

    def to_account_id(self, sub_account: int = 0) -> AccountIdentifier:
        """The ledger account of this principal and a sub-account number."""
        return AccountIdentifier.new(self, sub_account)

    @property
    def bytes(self) -> bytes:
        return self._bytes

    @property
    def hex(self) -> str:
        return self._bytes.hex().upper()

    @property
    def len(self) -> int:
        return len(self._bytes)

    @property
    def isPrincipal(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Principal):
            return self._bytes == other._bytes
        if getattr(other, "isPrincipal", False):
            return bool(self._bytes == getattr(other, "bytes", None))
        return NotImplemented

    def __lt__(self, other: Principal) -> bool:
        return self._bytes < other.bytes

    def __hash__(self) -> int:
        return hash(self._bytes)

    def __deepcopy__(self, memo: object) -> Principal:
        return self

    def __repr__(self) -> str:
        return f"Principal({self.to_str()})"

    def __str__(self) -> str:
        return self.to_str()


class AccountIdentifier:
    """A ledger account: CRC-32 and SHA-224 of principal and sub-account, 32 bytes."""

    __slots__ = ("_hash",)

    def __init__(self, hash: bytes) -> None:
        if len(hash) != 32:
            raise ValueError(f"an account identifier has 32 bytes, this one {len(hash)}")
        self._hash = hash

    @staticmethod
    def new(principal: Principal, sub_account: int = 0) -> AccountIdentifier:
        digest = hashlib.sha224(
            b"\x0aaccount-id" + principal.bytes + sub_account.to_bytes(32, "big")
        ).digest()
        return AccountIdentifier(crc32(digest).to_bytes(4, "big") + digest)

    @property
    def bytes(self) -> bytes:
        return self._hash

    def to_str(self) -> str:
        return "0x" + self._hash.hex()

    def __repr__(self) -> str:
        return f"Account({self.to_str()})"

    def __str__(self) -> str:
        return self.to_str()
