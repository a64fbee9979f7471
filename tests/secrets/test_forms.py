"""Secrets are found in the forms in which they get out by accident."""

import base64
import json
import re
import shlex
import subprocess
from pathlib import Path
from random import Random
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.executor.logs import LogBuffer
from dcanary.secrets.forms import Finder
from dcanary.secrets.leaks import LeakFinder

VALUE = 's3cr/t+"ö &value\\of=ours?'.encode()
TEXT = VALUE.decode()
FORMS = {
    "raw": VALUE,
    "base64": base64.b64encode(VALUE),
    "base64 after one byte": base64.b64encode(b"x" + VALUE),
    "base64 after two bytes": base64.b64encode(b"xy" + VALUE),
    "base64 in a login": base64.b64encode(b"x-access-token:" + VALUE),
    "base64 with more after it": base64.b64encode(VALUE + b"\n"),
    "base64 of URLs": base64.urlsafe_b64encode(VALUE),
    "hexadecimal": VALUE.hex().encode(),
    "hexadecimal in capitals": VALUE.hex().upper().encode(),
    "URL": quote(TEXT, safe="").encode(),
    "URL with slashes": quote(TEXT).encode(),
    "URL in small digits": b"s3cr%2ft%2b%22%c3%b6%20%26value%5cof%3dours%3f",
    "form": quote_plus(TEXT).encode(),
    "JSON": json.dumps(TEXT).encode(),
    "JSON in UTF-8": json.dumps(TEXT, ensure_ascii=False).encode(),
    "JSON with slashes escaped": json.dumps(TEXT).replace("/", "\\/").encode(),
    "JSON of Go": json.dumps(TEXT).replace("&", "\\u0026").encode(),
    "JSON, all by number": "".join(f"\\u{ord(letter):04X}" for letter in TEXT).encode(),
    "encodeURI": b"s3cr/t+%22%C3%B6%20&value%5Cof=ours?",
    "a path of a URL": b"s3cr/t+%22%C3%B6%20&value\\of=ours%3F",
    "XML": b"s3cr/t+&quot;\xc3\xb6 &amp;value\\of=ours?",
    "XML by number": b"s3cr/t+&#34;&#xF6; &#x26;value\\of=ours?",
    "a word of the shell": b's3cr/t+\\"\xc3\xb6\\ \\&value\\\\of=ours\\?',
    "a literal of Python": repr(VALUE).encode(),
    "octal": b's3cr/t+"\\303\\266 &value\\134of=ours?',
    "base64 in a URL": quote(base64.b64encode(VALUE)).replace("=", "%3D").encode(),
}
ODD = "S3cr!t(tok)*en'&<x>\"q/2  z~\U0001f511"
FORMS_OF_ODD = {
    "encodeURIComponent": b"S3cr!t(tok)*en'%26%3Cx%3E%22q%2F2%20%20z~%F0%9F%94%91",
    "URLSearchParams": b"S3cr%21t%28tok%29*en%27%26%3Cx%3E%22q%2F2++z%7E%F0%9F%94%91",
    "quote": quote(ODD, safe="").encode(),
    "JSON": json.dumps(ODD).encode(),
    "a trace of bash": b"""'S3cr!t(tok)*en'\\''&<x>"q/2  z~\xf0\x9f\x94\x91'""",
    "a word of shlex and dash": shlex.quote(ODD).encode(),
    "XML": b"S3cr!t(tok)*en&apos;&amp;&lt;x&gt;&quot;q/2  z~&#128273;",
}


def printed(pieces: list[bytes], *values: bytes) -> bytes:
    log = LogBuffer([], 1 << 24)
    log.add_secrets(values or [VALUE])
    for piece in pieces:
        log.write(piece)
    log.close()
    return log.peek(1 << 24)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("cut", [1, 7, 1 << 20])
def test_every_form_is_masked_in_a_log(form: bytes, cut: int) -> None:
    text = b"before " + form + b" after\n"
    said = printed([text[at : at + cut] for at in range(0, len(text), cut)])
    assert b"***" in said
    assert said.startswith(b"before ")
    assert said.endswith(b" after\n")
    # What stood before the value, and the characters of base64 that hold bits of its neighbours.
    left = said.replace(b"***", b"").removeprefix(b"before ").removesuffix(b" after\n")
    assert len(left) <= (24 if form == FORMS["base64 in a login"] else 6)


@pytest.mark.parametrize("form", FORMS_OF_ODD.values(), ids=FORMS_OF_ODD)
@pytest.mark.parametrize("cut", [1, 2, 5, 1 << 20])
def test_characters_that_only_some_tools_escape_are_masked(form: bytes, cut: int) -> None:
    text = b"before " + form + b" after\n"
    said = printed([text[at : at + cut] for at in range(0, len(text), cut)], ODD.encode())
    assert said in (b"before *** after\n", b'before "***" after\n', b"before '***' after\n")


@pytest.mark.parametrize(
    "end", [b"100%", b"a\\", b"R&", b"&#3", b"\\ud83d\\", b"%4", b"+", b"'", b"'\\", b"it'\"'"]
)
def test_an_escape_that_is_cut_at_the_end_of_a_log_is_passed_on(end: bytes) -> None:
    assert printed([b"said ", end]) == b"said " + end


@given(st.text(min_size=8, max_size=12), st.randoms(use_true_random=False))
def test_any_mixture_of_escapes_is_masked(value: str, random: Random) -> None:
    secret = value.encode(errors="replace")
    form = b"".join(
        random.choice([b"%%%02x" % each, b"%%%02X" % each])
        if random.random() < 0.5 or each in b"%"
        else bytes([each])
        for each in secret
    )
    text = b"<" + form + b">"
    cut = random.randrange(1, 9)
    said = printed([text[at : at + cut] for at in range(0, len(text), cut)], secret)
    bare = secret.translate(None, b"\r\n")
    if bare:
        assert b"***" in said
        # Line ends around a value are no part of the secret, in whatever form they are written.
        assert len(re.sub(rb"(?i)%0[ad]|[\r\n]", b"", said)) <= 5


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_is_found_in_a_file_also_across_pieces(form: bytes, tmp_path: Path) -> None:
    path = tmp_path / "artifact"
    for before in (0, 1, (1 << 20) - 5):
        path.write_bytes(b"." * before + form + b".")
        assert LeakFinder({"TOKEN": VALUE}).leak(path) == "TOKEN"
    path.write_bytes(b"." * 100)
    assert LeakFinder({"TOKEN": VALUE}).leak(path) is None


@pytest.mark.parametrize("tool", ["base64", "od -An -tx1 -v | tr -d ' '"])
def test_what_tools_wrap_into_lines_is_masked(tool: str) -> None:
    value = b"a long secret of many words, " * 20
    made = subprocess.run(["/bin/sh", "-c", tool], input=value, capture_output=True, check=True)
    assert made.stdout.count(b"\n") > 3
    said = printed([made.stdout[at : at + 11] for at in range(0, len(made.stdout), 11)], value)
    assert said.replace(b"\n", b"").startswith(b"***")
    assert len(said) < 12


def test_lines_of_a_key_are_masked_each_by_itself() -> None:
    key = b"-----BEGIN KEY-----\nAAAAB3NzaC1yc2E\nqweqweqweqweqwe\n-----END KEY-----"
    said = printed([b"  1: AAAAB3NzaC1yc2E\n  2: qweqweqweqweqwe\n"], key)
    assert said == b"  1: ***\n  2: ***\n"


def test_a_line_of_a_key_is_no_leak_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "certificate"
    path.write_bytes(b"-----BEGIN KEY-----\nother\n-----END KEY-----\n")
    key = b"-----BEGIN KEY-----\nAAAAB3NzaC1yc2E\n-----END KEY-----"
    assert LeakFinder({"KEY": key}).leak(path) is None
    path.write_bytes(key + b"\n")
    assert LeakFinder({"KEY": key}).leak(path) == "KEY"


@given(
    st.text("ab", min_size=8, max_size=10),
    st.text("ab\n", max_size=40),
    st.lists(st.integers(1, 9), max_size=12),
)
def test_no_cut_of_the_output_lets_a_secret_through(value: str, text: str, cuts: list[int]) -> None:
    raw, rest, pieces = text.encode(), text.encode(), []
    for cut in [*cuts, len(rest)]:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    said = printed(pieces, value.encode())
    assert value.encode() not in said.translate(None, b"\n")
    if value not in text.replace("\n", ""):
        assert said == raw


def test_a_secret_that_holds_the_beginning_of_another_is_held_back_whole() -> None:
    first = b"token eyJhbGciOiJIUzI1NiJ9.AAAAsecretAAAA"
    second = b"eyJhbGciOiJIUzI1NiJ9.BBBBsecretBBBB"
    for cut in range(1, len(first)):
        assert printed([first[:cut], first[cut:]], first, second) == b"***"


@given(
    st.lists(st.text("ab%4+", min_size=8, max_size=14), min_size=2, max_size=3, unique=True),
    st.text("ab%4+ ", max_size=12),
    st.integers(0, 2),
    st.lists(st.integers(1, 7), max_size=12),
)
def test_no_cut_lets_one_of_several_secrets_through(
    values: list[str], around: str, which: int, cuts: list[int]
) -> None:
    secret = values[which % len(values)]
    rest, pieces = (around + secret + around).encode(), []
    for cut in [*cuts, len(rest)]:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    assert secret.encode() not in printed(pieces, *(value.encode() for value in values))


def test_a_secret_that_repeats_itself_is_not_held_back_for_ever() -> None:
    log = LogBuffer([], 1 << 20)
    log.add_secrets([b"abababab"])
    log.write(b"ab" * 5_000)
    assert log.peek(10) == b"***"
    log.write(b"!\n")
    assert log.peek(10) == b"***!\n"


@pytest.mark.parametrize("line_break", [b"\n", b"\\n", b"%0a", b"&#10;"])
def test_line_breaks_without_end_after_the_beginning_of_a_secret_are_passed_on(
    line_break: bytes,
) -> None:
    log = LogBuffer([], 1 << 20)
    log.add_secrets([b"hunter2-token"])
    log.write(b"h")
    for _ in range(20):
        log.write(line_break * 1_000)
    assert len(log.peek(1 << 20)) > 18_000 * len(line_break)
    log.write(b"hunter2-token!")
    assert log.peek(1 << 20).endswith(line_break + b"***!")


def test_many_small_writes_with_many_secrets_take_little_time() -> None:
    values = [f"secret number {number} of sixteen".encode() * 4 for number in range(16)]
    assert printed([b"a line of some length\n"] * 5_000, *values).count(b"\n") == 5_000


def test_places_are_those_of_the_bytes_with_their_line_ends() -> None:
    assert Finder([b"01234567"]).spans(b"\n\nx\n01\r\n23\n\n4567\n01234567") == [(4, 16), (17, 25)]


def test_reasons_of_failures_are_masked() -> None:
    log = LogBuffer(["hush-hush-hush"], 1_000)
    assert log.masked("fatal: hush-hush-hush is wrong") == "fatal: *** is wrong"
    # One that was cut.
    assert log.masked("fatal: hush-hush-") == "fatal: ***"
    assert log.masked("fatal: hush") == "fatal: hush"
