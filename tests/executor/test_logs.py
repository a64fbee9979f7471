"""Logs never hold a secret, are valid UTF-8, and end."""

from hypothesis import given
from hypothesis import strategies as st

from dcanary.executor.logs import TRUNCATED, LogBuffer

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


@given(st.integers(60, 200), _pieces)
def test_a_log_never_grows_over_its_bound(bound: int, pieces: list[bytes]) -> None:
    log = LogBuffer([], bound)
    for piece in [*pieces, b"x" * 300, "ü".encode() * 100]:
        log.write(piece)
    log.close()
    sent = drain(log)
    assert len(sent) <= bound
    assert sent.endswith(TRUNCATED)
    sent.decode()


def test_a_chunk_that_did_not_arrive_is_given_again() -> None:
    log = LogBuffer([], 1 << 20)
    log.write(b"hello")
    assert log.peek(3) == log.peek(3) == b"hel"
    log.sent(3)
    assert log.peek(3) == b"lo"
