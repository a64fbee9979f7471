"""An HttpRequest read from its Candid bytes.

`inspect_message` gets no typed arguments in Kybra, and the textual decoding that it offers costs
more instructions than the check may take. So this reads the one type that gateways send: a record
with exactly the fields of `HttpRequest`. Everything else is None. Plain Python.
"""

MAGIC = b"DIDL"
OPT, VEC, RECORD, NAT8, TEXT, NAT16 = -18, -19, -20, -5, -15, -6
MAX_TYPES = 32
MAX_HEADERS = 200
MAX_DIGITS = 10


def field_hash(name: str) -> int:
    """The number by which Candid knows a field."""
    value = 0
    for byte in name.encode():
        value = (value * 223 + byte) % 2**32
    return value


URL, METHOD, BODY, HEADERS, VERSION = (
    field_hash(name) for name in ("url", "method", "body", "headers", "certificate_version")
)
FIELDS = sorted((URL, METHOD, BODY, HEADERS, VERSION))


class RawRequest:
    """What the front door needs of a request."""

    __slots__ = ("body", "headers", "method", "url")

    def __init__(self) -> None:
        self.method = ""
        self.url = ""
        self.headers: list[tuple[str, str]] = []
        self.body = b""


class _Unreadable(Exception):
    """The bytes are not what a gateway sends."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = len(MAGIC)

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise _Unreadable
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        value = 0
        for place in range(MAX_DIGITS):
            byte = self.byte()
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value
        raise _Unreadable

    def signed(self) -> int:
        value = 0
        for place in range(MAX_DIGITS):
            byte = self.byte()
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value - (1 << (7 * place + 7)) if byte & 0x40 else value
        raise _Unreadable

    def bytes(self) -> bytes:
        length = self.number()
        if length > len(self.data) - self.at:
            raise _Unreadable
        self.at += length
        return self.data[self.at - length : self.at]

    def text(self) -> str:
        try:
            return self.bytes().decode()
        except UnicodeDecodeError:
            raise _Unreadable from None


def _table(reader: _Reader) -> "list[tuple[int, list[tuple[int, int]]]]":
    """The type table: (opcode, [(field hash, type)]) of each; opt and vec have one, of hash 0."""
    size = reader.number()
    if size > MAX_TYPES:
        raise _Unreadable
    table: list[tuple[int, list[tuple[int, int]]]] = []
    for _ in range(size):
        code = reader.signed()
        if code in (OPT, VEC):
            table.append((code, [(0, reader.signed())]))
        elif code == RECORD:
            count = reader.number()
            if count > len(FIELDS):
                raise _Unreadable
            table.append((code, [(reader.number(), reader.signed()) for _ in range(count)]))
        else:
            raise _Unreadable
    return table


def _is(
    table: "list[tuple[int, list[tuple[int, int]]]]", type: int, code: int, inner: "list[int]"
) -> bool:
    """Whether a type is an opt or vec of, or a tuple with, the primitive types `inner`."""
    if not 0 <= type < len(table):
        return False
    found, fields = table[type]
    return found == code and fields == list(enumerate(inner))


def _read(data: bytes) -> RawRequest:
    reader = _Reader(data)
    table = _table(reader)
    if reader.number() != 1:
        raise _Unreadable
    argument = reader.signed()
    if not 0 <= argument < len(table):
        raise _Unreadable
    code, fields = table[argument]
    types = dict(fields)
    if code != RECORD or [number for number, _ in fields] != FIELDS:
        raise _Unreadable
    vec = types[HEADERS]
    if (
        types[URL] != TEXT
        or types[METHOD] != TEXT
        or not _is(table, types[BODY], VEC, [NAT8])
        or not _is(table, types[VERSION], OPT, [NAT16])
        or not 0 <= vec < len(table)
        or table[vec][0] != VEC
        or not _is(table, table[vec][1][0][1], RECORD, [TEXT, TEXT])
    ):
        raise _Unreadable
    request = RawRequest()
    for number in FIELDS:
        if number == URL:
            request.url = reader.text()
        elif number == METHOD:
            request.method = reader.text()
        elif number == BODY:
            request.body = reader.bytes()
        elif number == HEADERS:
            count = reader.number()
            if count > MAX_HEADERS:
                raise _Unreadable
            request.headers = [(reader.text(), reader.text()) for _ in range(count)]
        elif reader.byte():
            reader.at += 2
    if reader.at != len(data):
        raise _Unreadable
    return request


def read_request(data: bytes) -> "RawRequest | None":
    """The request in the argument of `http_request_update`; None when no gateway sent it so."""
    if not data.startswith(MAGIC):
        return None
    try:
        return _read(data)
    except _Unreadable:
        return None
