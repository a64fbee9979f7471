"""What approvers are shown: nothing is hidden in it, nothing looks like something else."""

from __future__ import annotations

import re

import pytest

from dcanary.candid import parse_interface
from dcanary.cli.display import harmless, quoted_if_needed
from dcanary.cli.orders.arguments import arguments_text
from dcanary.cli.orders.readable import changes, order_fields, overview
from dcanary.cli.orders.target_now import TargetNow
from dcanary.cli.output import Output
from tests.cli.test_orders import CANISTER, INTERFACE, OLD, order, request


def test_a_comment_of_the_only_vote_begins_no_line_where_a_vote_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = "fine " + " ".join(f"{CANISTER} approves" for _ in range(4))
    vote = {"approver": "2vxsx-fae", "approve": True, "comment": said, "at_ns": 0}
    Output().record({"id": 1, **overview(request(votes=[vote]))}, "id")
    lines = capsys.readouterr().out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("votes"))
    column = lines[start].index("2vxsx-fae")
    more = [line for line in lines[start + 1 :] if line.startswith(" " * column)]
    assert more
    assert all(line.startswith(" " * (column + 4)) for line in more)


def test_values_and_paths_stand_in_no_other_order_than_they_have() -> None:
    interface = parse_interface("service : (text, text, text) -> {}")
    argument = interface.init.encode(["\u05d0", "10 \u0661", "\u0628"])
    assert arguments_text(argument, interface) == ('("\\u05d0", "10 \\u0661", "\\u0628")')
    assert quoted_if_needed("\u05d0 5 bytes") == '"\\u05d0 5 bytes"'
    assert quoted_if_needed("\u05d0.html") == "\\u05d0.html"
    # What people have written of themselves keeps its letters.
    source = {**order()["source"], "author": "\u05d0"}
    assert order_fields(order(source=source), None)["author"] == "\u05d0"


def test_a_path_that_reads_like_more_of_the_sentence_is_quoted() -> None:
    artifact = "out/app.wasm of stage release, 120,000 bytes. Reviewed"
    told = order_fields(order(artifact=artifact), None)["module"]
    assert str(told).startswith(f'"{artifact}" of stage ')
    assert str(order_fields(order(), None)["module"]).startswith(f"{order()['artifact']} of stage")


@pytest.mark.parametrize("columns", [None, "60", "80"])
@pytest.mark.parametrize("comment", ["ok, {}", 'ok", {}', "ok\n{}", "ok {:>40}", "ok " * 12 + "{}"])
def test_a_comment_cannot_be_taken_for_votes_of_others(
    comment: str,
    columns: str | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    said = comment.format("aaaaa-aa approves")
    vote = {"approver": "2vxsx-fae", "approve": True, "comment": said, "at_ns": 0}
    votes = [vote, {**vote, "approver": CANISTER, "comment": ""}]
    Output().record({"id": 1, **overview(request(votes=votes))}, "id")
    lines = capsys.readouterr().out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("votes"))
    end = next(i for i, line in enumerate(lines) if line.startswith("created"))
    at = lines[start].index("2vxsx-fae approves")
    begun = [index for index in range(start, end) if lines[index][at] != " "]
    assert [lines[index][at:].split()[0] for index in begun] == ["2vxsx-fae", CANISTER]
    # All else that is said in the lines of the first vote stands in its quotation marks.
    first = " ".join(line.strip() for line in lines[start : begun[1]])
    assert re.fullmatch(r'[^"]*: "([^"\\]|\\.)*"', first), first


INVISIBLE = (
    "\ufe04\ufe01\u034f\u3164\u115f\u1160\u17b4\u180b\uffa0\u2800\U000e0100\u200b\u00a0\u0301"
)


def test_an_order_for_a_canister_that_the_network_does_not_have_is_shown_with_a_warning() -> None:
    first = changes(order(), TargetNow(missing=True), INTERFACE)[0]
    assert first == f"WARNING: the network says that it has no canister {order()['canister']}"


def test_what_nobody_sees_in_an_argument_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    argument = INTERFACE.init.encode([{"greeting": f"ok{INVISIBLE}", "limit": 1}])
    before = INTERFACE.init.encode([{"greeting": "ok", "limit": 1}])
    now = TargetNow(OLD, (CANISTER,), "release-4", "b" * 40, before)
    told = "\n".join(changes(order(argument=argument), now, INTERFACE))
    for text in (told, arguments_text(argument, None), arguments_text(argument, INTERFACE)):
        assert not set(text) & set(INVISIBLE)
        for character in INVISIBLE:
            assert f"\\u{{{ord(character):x}}}" in text
    for line in told.split("\n"):
        assert harmless(line) == line


@pytest.mark.parametrize(
    ("usual", "unusual"),
    [
        ("4449444c00017d05", "4449444c00017d8580808000"),  # a number in five bytes
        ("4449444c00017c05", "4449444c00017c858000"),
        ("4449444c0001710161", "4449444c000171810061"),  # a length in two bytes
        ("4449444c016d7b010001ff", "4449444c016d7b01008100ff"),
        ("4449444c016b01007f010000", "4449444c016b01007f01008000"),  # the number of a case
        ("4449444c000172000000000000f87f", "4449444c000172010000000000f87f"),  # NaN
        ("4449444c000172000000000000f87f", "4449444c000172000000000000f8ff"),
        ("4449444c0001730000c07f", "4449444c0001730100c07f"),
        ("4449444c016d7301000100" + "00c07f", "4449444c016d73010001efbec07f"),
    ],
)
def test_values_that_are_written_in_an_unusual_way_are_shown_with_their_bytes(
    usual: str, unusual: str
) -> None:
    plain = arguments_text(bytes.fromhex(usual), None)
    assert "0x" not in plain
    told = arguments_text(bytes.fromhex(unusual), None)
    assert told.startswith(f"{plain}\nthe bytes, which may hold more (values written in")
    assert f"0x{unusual}" in told


def test_arguments_that_differ_in_their_types_only_are_told_apart() -> None:
    one, other = bytes.fromhex("4449444c016e7d010000"), bytes.fromhex("4449444c016e71010000")
    assert arguments_text(one, None) == arguments_text(other, None)
    lines = changes(order(argument=other), TargetNow(OLD, argument=one), None)
    assert f"  0x{one.hex()} -> 0x{other.hex()}" in lines


def test_arguments_of_several_lines_change_in_lines_of_their_own() -> None:
    before = INTERFACE.init.encode([{"greeting": "x" * 90, "limit": 1}])
    lines = changes(order(), TargetNow(OLD, argument=before), INTERFACE)
    assert "arguments now:" in lines
    assert lines.index("arguments now:") < lines.index("arguments then:")
    assert not any("\n" in line for line in lines)


def test_an_operator_with_a_comma_in_its_name_is_not_taken_for_two() -> None:
    ordered = order()
    verdict = {**ordered["verdict"], "operators": ["alice, bob", "carol"]}
    told = order_fields(order(verdict=verdict), None)["agreed by"]
    assert str(told).startswith('"alice, bob", carol (quorum')
