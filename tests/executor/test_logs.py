"""Logs never hold a secret, are valid UTF-8, and end."""

from hypothesis import given
from hypothesis import strategies as st

from dcanary.executor.logs import LogBuffer, omitted

_pieces = st.lists(st.binary(max_size=12), max_size=12)


def drain(log: LogBuffer, size: int = 7) -> bytes:
    sent = b""
    while chunk := log.peek(size):
        log.sent(len(chunk))
        sent += chunk
    return sent


@given(_pieces)
def test_what_is_written_arrives_as_utf8_however_it_is_cut(pieces: list[bytes]) -> None:
    log = LogBuffer([], 1 << 20)
    sent = b""
    for piece in pieces:
        log.write(piece)
        sent += drain(log)
    log.close()
    sent += drain(log)
    assert sent.decode() == b"".join(pieces).decode(errors="replace")


@given(st.integers(0, 10), st.text("abc", max_size=10), st.lists(st.integers(1, 4), max_size=30))
def test_a_secret_is_masked_wherever_the_output_is_cut(
    before: int, after: str, cuts: list[int]
) -> None:
    log = LogBuffer(["hush-hush", "hus"], 1 << 20)
    text = b"x" * before + b"hush-hush" + after.encode()
    sent = b""
    for cut in [*cuts, len(text)]:
        piece, text = text[:cut], text[cut:]
        log.write(piece)
        sent += drain(log)
    log.close()
    assert sent + drain(log) == b"x" * before + b"***" + after.encode()


def test_overlapping_secrets_are_masked_together() -> None:
    log = LogBuffer(["abc", "cd"], 1 << 20)
    log.write(b"xabc")
    log.write(b"d cd")
    log.close()
    assert drain(log) == b"x*** ***"


def test_nothing_is_held_back_that_cannot_begin_a_secret() -> None:
    log = LogBuffer(["hush"], 1 << 20)
    log.write(b"line\n")
    assert log.peek(100) == b"line\n"


class Kept:
    """Takes the whole log."""

    def __init__(self) -> None:
        self.text = b""

    def write(self, text: bytes) -> None:
        self.text += text


@given(st.integers(100, 300), _pieces)
def test_a_log_never_grows_over_its_bound_and_is_kept_whole(
    bound: int, pieces: list[bytes]
) -> None:
    whole = Kept()
    log = LogBuffer([], bound, whole)
    written = [*pieces, b"x" * 300, "\u00fc".encode() * 100]
    for piece in written:
        log.write(piece)
    log.close()
    sent = drain(log)
    assert len(sent) <= bound
    text = sent.decode()
    assert whole.text.decode() == b"".join(written).decode(errors="replace")
    head, _, tail = text.partition("\n[")
    count, _, tail = tail.partition(" bytes of the log are left out here]\n")
    left_out = int(count.replace(",", ""))
    assert whole.text.startswith(head.encode())
    assert whole.text.endswith(tail.encode())
    assert len(head.encode()) + left_out + len(tail.encode()) == len(whole.text)


def test_the_end_of_a_long_log_begins_with_a_line() -> None:
    log = LogBuffer([], 800)
    for number in range(1_000):
        log.write(f"line {number}\n".encode())
    log.close()
    sent = drain(log).decode()
    assert sent.startswith("line 0\n")
    assert sent.endswith("line 998\nline 999\n")
    after = sent.partition("left out here]\n")[2]
    assert after.startswith("line ")


def test_what_fits_with_the_room_of_the_end_is_not_cut() -> None:
    log = LogBuffer([], 800)
    text = b"x" * (800 - 800 // 8 - len(omitted(10**15))) + b"y" * 100
    log.write(text)
    log.close()
    assert drain(log) == text


def test_a_chunk_that_did_not_arrive_is_given_again() -> None:
    log = LogBuffer([], 1 << 20)
    log.write(b"hello")
    assert log.peek(3) == log.peek(3) == b"hel"
    log.sent(3)
    assert log.peek(3) == b"lo"
