"""What commands print: harmless for people, exact for programs, the width of the terminal."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from contextlib import nullcontext

import pytest

from dcanary.cli.output import Lines, NoAnswer, Output, Refusal
from dcanary.cli.tables import cell_width

HOSTILE = "evil\x1b[2J\u202e\x9b\ud800"
SHOWN = r"evil\x1b[2J\u202e\x9b\ud800"


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


class Said:
    """An answer of a canister."""

    def text(self) -> str:
        return HOSTILE

    def json(self) -> object:
        return HOSTILE


def everything(output: Output) -> None:
    """Print by every way there is."""
    output.say(HOSTILE)
    output.progress(HOSTILE)
    output.warning(HOSTILE)
    output.record({"id": HOSTILE, "list": [HOSTILE], "case": {"Failed": HOSTILE}}, "id")
    output.table([{"id": HOSTILE, "x": {HOSTILE: [HOSTILE]}}], ["id:id", "x"], "")
    output.table([], ["id"], HOSTILE)
    output.answer(Said())
    output.text(HOSTILE)
    output.piece(HOSTILE)
    output.error(HOSTILE, "failed", {"kind": HOSTILE})


@pytest.mark.parametrize("quiet", [False, True])
def test_no_way_of_printing_lets_a_strangers_text_act(
    quiet: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    everything(Output(quiet=quiet))
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert SHOWN in text
        assert not set(text) & {"\u202e", "\x9b", "\ud800"}
        # Colours are ours; they are stripped where there is no terminal.
        assert "\x1b" not in text


def test_json_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.record({"id": HOSTILE, "raw": b"\x00\xff"}, "id")
    assert json.loads(capsys.readouterr().out) == {"id": HOSTILE, "raw": "00ff"}
    output.error(HOSTILE, "refused", {"kind": "Denied"})
    error = json.loads(capsys.readouterr().err)
    assert error == {"error": "refused", "message": HOSTILE, "kind": "Denied"}


def test_a_row_is_a_line_and_columns_without_room_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = {"run": "run-1", "state": "x" * 90, "sha": "0" * 64, "note": "y" * 40, "more": "z" * 40}
    columns = ["run:id", "state", "sha:hash:1", "note:text:2", "more:id:3"]
    Output().table([row, row], columns, "")
    printed = capsys.readouterr()
    assert [len(line) <= 80 for line in printed.out.splitlines()] == [True] * 3
    assert printed.err == "columns left out: more\n"


def test_a_pipe_gets_everything(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS")
    Output().table(
        [{"run": "run-1", "sha": "0" * 64, "note": "y" * 90}], ["run", "sha", "note"], ""
    )
    assert "0" * 64 + "  " + "y" * 90 in capsys.readouterr().out


def test_a_list_that_does_not_fit_has_a_line_per_item(capsys: pytest.CaptureFixture[str]) -> None:
    Output().record({"id": "x", "gates": ["a" * 50, "b" * 50]}, "id")
    assert capsys.readouterr().out.splitlines() == [
        "id     x",
        f"gates  {'a' * 50}",
        f"       {'b' * 50}",
    ]


def test_a_hash_that_does_not_fit_beside_its_name_has_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output().record({"id": "x", "certified_module_hash": "0" * 64, "arguments": "z" * 90}, "id")
    assert capsys.readouterr().out.splitlines() == [
        "id                     x",
        "certified_module_hash",
        f"  {'0' * 64}",
        "arguments",
        f"  {'z' * 90}",
    ]


WEBHOOK = "http://rrkah-fqaaa-aaaaa-aaaaq-cai.localhost:4943/webhook/github/counter-motoko-and-more"


def test_what_is_copied_is_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(WEBHOOK) > 80
    output = Output()
    output.record({"id": "x", "webhook": WEBHOOK}, "id")
    output.say(f"pushes to counter-motoko are posted to {WEBHOOK} from now on")
    output.error(f"cannot reach {WEBHOOK}", "network")
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "id       x",
        "webhook",
        f"  {WEBHOOK}",
        "pushes to counter-motoko are posted to",
        f"  {WEBHOOK}",
        "  from now on",
    ]
    assert printed.err.splitlines() == ["error: cannot reach", f"  {WEBHOOK}"]


def test_a_text_with_a_strangers_spaces_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    Output().record({"id": "x", "reason": "y" * 76 + "\u00a0digest\u00a0\u00a0good"}, "id")
    assert [len(line) <= 80 for line in capsys.readouterr().out.splitlines()] == [True] * 4


def wider_than(width: int, printed: str) -> set[str]:
    """Of the lines that are wider, which are one word each, the letter that the word repeats."""
    wider = [line.strip() for line in printed.splitlines() if cell_width(line) > width]
    assert all(" " not in line for line in wider)
    return {letter for line in wider for letter in line if letter.isalnum()}


@pytest.mark.parametrize("width", ["20", "40", "80", "132"])
def test_only_a_word_to_copy_goes_beyond_the_terminal(
    width: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    record = {
        "id": "x" * 200,
        "text": "word " * 60,
        "wide": "\u6f22" * 120,
        "hash": bytes(32),
        "list": ["y" * 150, "z " * 100, "short"],
        "lines": Lines(["  (record {", f'    a = "{"q" * 150}";']),
        "case": {"Failed": "reason " * 40},
        "nested": {"a": ["b" * 70], "c": "d" * 70},
    }
    output = Output()
    output.record(record, "id")
    output.say("  " + "sentence " * 40 + "\nmore " + "w" * 300)
    printed = capsys.readouterr().out
    assert wider_than(int(width), printed) <= {"x", "0", "y", "q", "w", "b", "d"}
    bare = "".join(printed.split())
    for value in ("x" * 200, "\u6f22" * 120, "0" * 64, "y" * 150, "q" * 150, "w" * 300):
        assert value in bare
    Output(as_json=True).record({"id": "x" * 200}, "id")
    assert json.loads(capsys.readouterr().out) == {"id": "x" * 200}


def told_on_standard_error(output: Output) -> None:
    long = f"{'many words of a reason ' * 8}\n  {'and a hint ' * 12}{'0' * 70}"
    output.error(long, "failed")
    output.warning(long)
    output.progress(long)
    with contextlib.suppress(NoAnswer):
        output.confirm(f"Do it with {'0' * 64} and {'1' * 64}?")


def test_errors_warnings_and_questions_fit_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    told_on_standard_error(Output())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 12
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("error: many words")


def test_an_error_with_a_long_path_begins_beside_its_head(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Output().error(f"there is no installation here ({'/folder' * 11} is missing)", "config")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: there is no installation here"
    assert max(map(len, lines)) <= 80


def test_errors_and_warnings_stay_in_their_lines_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    told_on_standard_error(Output())
    # Three times two lines, and the question.
    assert len(capsys.readouterr().err.splitlines()) == 7


def test_a_question_that_nobody_can_answer_says_what_to_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(NoAnswer, match=r"^no answer: use --yes or --digest$") as caught:
        Output().confirm("Approve?", "--yes or --digest")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("typed", "refused"), [("y\n", False), ("n\n", True), ("\n", True)])
def test_an_answer_decides(typed: str, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    with pytest.raises(Refusal, match="the answer was no") if refused else nullcontext():
        Output().confirm("Approve?")


def test_a_value_in_a_pipe_stays_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS")
    Output().record({"id": "x", "list": ["y" * 90, "z" * 90]}, "id")
    assert capsys.readouterr().out.splitlines()[1] == f"list  {'y' * 90}, {'z' * 90}"


def test_a_narrow_encoding_gets_question_marks_and_no_traceback() -> None:
    code = (
        "from dcanary.cli.app import _tolerate_narrow_encodings as tolerate\n"
        "from dcanary.cli.output import Output\n"
        "tolerate(); Output().say('5 \\u20ac \\u6f22'); Output().error('\\u20ac', 'failed')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr, done.returncode) == (b"5 ? ?\n", b"error: ?\n", 0)


def test_a_line_end_of_a_stranger_begins_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    said = "it failed: trap\nerror: approved\n\r\nwarning: all is well"
    output.say(f"\n{said}")
    output.progress(said)
    output.warning(said)
    printed = capsys.readouterr()
    assert [line for line in printed.out.split("\n") if line[:1] > " "] == ["it failed: trap"]
    begun = [line for line in printed.err.split("\n") if line[:1] > " "]
    assert begun == ["it failed: trap", "warning: it failed: trap"]
    assert printed.out.startswith("\n")


def test_an_item_with_a_comma_is_not_taken_for_two(capsys: pytest.CaptureFixture[str]) -> None:
    Output().record({"id": "x", "files": ["a, b.wasm", "c", "", ' d"', '"e'], "one": ["f"]}, "id")
    assert capsys.readouterr().out.splitlines() == [
        "id     x",
        r'files  "a, b.wasm", c, "", " d\"", "\"e"',
        "one    f",
    ]


def test_what_goes_on_of_an_item_begins_no_item(capsys: pytest.CaptureFixture[str]) -> None:
    Output().record({"id": "x", "lines": Lines(["a " * 38 + "b c", "  d", "  " + "e " * 40])}, "id")
    assert capsys.readouterr().out.splitlines() == [
        "id     x",
        f"lines  {'a ' * 34}a",
        "           a a a b c",
        "         d",
        f"         {' '.join('e' * 34)}",
        f"             {' '.join('e' * 6)} ",
    ]


TRAP = "release-3: Installing: trapped:\nat f\nrun  run-9"


@pytest.mark.parametrize("value", [{"Failed": TRAP}, Lines([f"Failed: {TRAP}"])])
def test_lines_of_a_reason_are_laid_out_and_begin_no_field(
    value: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A trap of several lines was one, with `\\n` in it."""
    Output().record({"run": "run-7", "state": value}, "run")
    assert capsys.readouterr().out.splitlines() == [
        "run    run-7",
        "state  Failed: release-3: Installing: trapped:",
        "           at f",
        "           run  run-9",
    ]
    Output().table([{"run": "run-7", "state": {"Failed": TRAP}}], ["run:id", "state:state"], "")
    assert "trapped: at f run  run-9" in capsys.readouterr().out
    monkeypatch.delenv("COLUMNS")
    Output().record({"run": "run-7", "state": value}, "run")
    assert "trapped: at f run  run-9" in capsys.readouterr().out


def test_a_command_in_backquotes_is_not_broken(capsys: pytest.CaptureFixture[str]) -> None:
    """Half of `dcanary run retry run-12` stood at the end of a line."""
    output = Output()
    for length in range(40, 80):
        said = f"{'x' * length} then `dcanary run retry run-12` asks, `as ever`, of `dcanary"
        output.say(said)
        printed = capsys.readouterr().out
        assert "`dcanary run retry run-12`" in printed
        assert " ".join(printed.split()) == said
        assert all(len(line) <= 79 for line in printed.splitlines())
