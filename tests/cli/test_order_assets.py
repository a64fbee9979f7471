"""The files of an order: checked against its digest, and compared with the last release's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dcanary.candid import Interface
from dcanary.cli import approval, approval_decision
from dcanary.cli.context import Context
from dcanary.cli.orders import arguments, assets, target_now
from dcanary.cli.orders.digest import order_digest
from dcanary.cli.output import Output
from dcanary.client.errors import ClientError, RefusedError
from shared.rules import assets as rules
from tests.cli.test_orders import as_ordered, order, request


def files(**contents: str) -> Any:
    """Files by the name before `.html`, each with a sha256 of one digit over and over."""
    agreed: Any = [
        {
            "path": f"dist/{name}.html",
            "size": 9,
            "sha256": digit if len(digit) == 64 else digit * 64,
        }
        for name, digit in contents.items()
    ]
    return rules.assets_of(agreed, "dist/")


def served(listed: Any, settings: str) -> Any:
    """The same files with settings."""
    path = "dist/.ic-assets.json5"
    agreed: Any = [{**one, "path": f"dist{one['key']}"} for one in listed]
    agreed.append({"path": path, "size": 9, "sha256": "0" * 64})
    return rules.assets_of(agreed, "dist/", {path: settings.encode()})


OLD = files(gone="1", other="2", same="3")
NEW = files(fresh="4", other="5", same="3")
SETTINGS = """[
    {match: "**/*", cache: {max_age: 6000}, headers: {B: "deny all", A: "1"}},
    {match: "fresh.*", allow_raw_access: false, enable_aliasing: false},
]"""


@dataclass
class Installed:
    """One request with files, and the last release of its target."""

    told: Any = field(default_factory=lambda: NEW)
    before: Any = field(default_factory=lambda: OLD)
    last: str | None = "release-1"
    state: str = "Pending"
    ordered: Any = field(default_factory=lambda: NEW)

    @property
    def verification(self) -> Installed:
        return self

    @property
    def build_executor(self) -> Any:
        return SimpleNamespace(get_run=lambda name: {"targets": []})

    @property
    def deployment(self) -> Installed:
        return self

    @property
    def config(self) -> Any:
        return SimpleNamespace(canisters={"deployment": "aaaaa-aa"})

    def order(self, listed: Any) -> Any:
        return order(assets=rules.ordered("dist/", listed))

    def get_approval(self, name: str) -> Any:
        made = self.order(self.ordered)
        state = {self.state: "release-2" if self.state == "Released" else None}
        return request(approval=name, order=made, digest=order_digest(made), state=state)

    def get_assets(self, name: str) -> Any:
        if name == "approval-0":
            if self.before is None:
                raise RefusedError("NotFound", "forgotten", "get_assets")
            return self.before
        return self.told

    def get_target(self, name: str) -> Any:
        return {"last_release": self.last}

    def get_release(self, name: str) -> Any:
        before = None if not self.before else self.order(self.before)
        return {"order": {"approval": "approval-0", "order": before or self.order(OLD)}}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the target runs now is not what is tested here."""
    interface: Interface | None = None
    monkeypatch.setattr(arguments, "interface_of", lambda system, order: interface)
    monkeypatch.setattr(target_now, "look", lambda system, order: as_ordered(order))
    monkeypatch.setattr("dcanary.cli.orders.references.lines", lambda system, found, order: [])


def show(installed: Installed, as_json: bool = False) -> None:
    context = Context(Path(), "default", Output(as_json=as_json))
    context.__dict__["system"] = installed
    command: Any = approval.show_approval
    command.callback.__wrapped__(context, "approval-1")


def test_the_digest_of_a_list_is_the_one_that_canisters_compute() -> None:
    for listed in (OLD, NEW, [], served(NEW, "[]"), served(NEW, SETTINGS)):
        assert assets.assets_digest(listed) == rules.assets_digest(listed)


def test_a_request_shows_what_becomes_of_the_targets_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(Installed())
    told = capsys.readouterr().out
    assert "3 below dist/, 27 bytes; the digest of their list" in told.replace("\n", " ")
    assert "files: 1 added, 1 changed, 1 removed, 1 same" in told
    assert f"      + fresh.html 9 bytes, text/html\n        sha256 {'4' * 64}\n" in told
    assert f"      ~ other.html 9 bytes, text/html\n        sha256 {'5' * 64}\n" in told
    assert "      - gone.html\n" in told
    assert "same.html" not in told


def test_json_lists_every_file_with_what_becomes_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    show(Installed(), as_json=True)
    listed = json.loads(capsys.readouterr().out)["files"]
    assert [(one["key"], one["change"]) for one in listed] == [
        ("/fresh.html", "added"),
        ("/gone.html", "removed"),
        ("/other.html", "changed"),
        ("/same.html", "same"),
    ]
    assert listed[2]["before"] == "2" * 64
    show(Installed(state="Released"), as_json=True)
    assert json.loads(capsys.readouterr().out)["files"] == NEW


def test_a_request_shows_how_its_files_are_served_beside_how_they_were(
    capsys: pytest.CaptureFixture[str],
) -> None:
    new = served(NEW, SETTINGS)
    old = served(OLD, SETTINGS.replace("6000", "60").replace("B:", "C:"))
    show(Installed(told=new, ordered=new, before=old))
    told = capsys.readouterr().out
    assert "files: 1 added, 2 changed, 1 removed, 0 same" in told
    assert f"      + fresh.html 9 bytes, text/html, [1]\n        sha256 {'4' * 64}\n" in told
    assert "      ~ same.html 9 bytes, text/html, [2]\n" in told
    assert told.endswith(
        """\
  how they are served:
    [1] 1 file
      + max-age: 6,000 seconds
      + raw access: no
      + aliases: no
      + A: 1
      + B: deny all
    [2] 2 files
      - max-age: 60 seconds
      - C: deny all
      + max-age: 6,000 seconds
        raw access: yes
        aliases: as the canister does
        A: 1
      + B: deny all
"""
    )
    show(Installed(told=new, ordered=new, before=new))
    told = capsys.readouterr().out
    assert "0 added, 0 changed, 0 removed, 3 same" in told
    assert "    [2] 2 files, as before\n        max-age: 6,000 seconds\n" in told
    show(Installed(before=old))
    assert "      - max-age: 60 seconds\n" in capsys.readouterr().out


def test_a_file_that_is_there_in_gzip_too_is_shown_with_it() -> None:
    agreed: Any = [
        {"path": f"dist/{name}", "size": size, "sha256": digit * 64}
        for name, size, digit in (("a.js", 9_000, "1"), ("a.js.gz", 4_000, "2"))
    ]
    path = "dist/.ic-assets.json5"
    agreed.append({"path": path, "size": 9, "sha256": "0" * 64})
    text = b'[{match: "*", encodings: ["identity", "gzip"]}]'
    found: Any = rules.assets_of(agreed, "dist/", {path: text})
    assert assets.assets_digest(found) == rules.assets_digest(found)
    lines = assets.lines_of(found, [])
    assert lines[2:6] == [
        "    + a.js 9,000 bytes, text/javascript, [1]",
        f"      sha256 {'1' * 64}",
        "      gzip 4,000 bytes",
        f"      sha256 {'2' * 64}",
    ]
    other: Any = [dict(found[0], encodings=None)]
    assert "0 added, 1 changed" in assets.lines_of(found, other)[0]


def test_json_tells_properties_of_now_and_before(capsys: pytest.CaptureFixture[str]) -> None:
    new = served(NEW, SETTINGS)
    show(Installed(told=new, ordered=new), as_json=True)
    listed = json.loads(capsys.readouterr().out)["files"]
    assert listed[3]["change"] == "changed"
    assert listed[3]["properties_before"] is None
    assert listed[3]["properties"] == new[2]["properties"]


def test_headers_cannot_write_lines_of_their_own() -> None:
    settings = '[{match: "*", headers: {A: "\u202e\u2028+ B: 2"}}]'
    lines = assets.lines_of(served(files(a="7"), settings), [])
    assert lines[-1].startswith("    + A: ")
    assert not {"\u202e", "\u2028"} & set("".join(lines))


def test_every_file_that_an_order_changes_is_told_however_many() -> None:
    old = files(**{f"p{number:03}": "7" for number in range(50)})
    new = files(**{f"p{number:03}": f"{number:064x}" for number in range(30, 250)})
    assert len(new) == 220
    lines = assets.lines_of(new, old)
    assert lines[1] == "  /"
    for file in new:
        (at,) = (i for i, line in enumerate(lines) if f" {file['key'][1:]} " in line)
        assert lines[at + 1] == f"      sha256 {file['sha256']}"
    assert [line for line in lines if " - " in line] == [f"    - p{n:03}.html" for n in range(30)]
    assert max(map(len, lines[1:])) < 79


def test_files_stand_below_their_folder() -> None:
    lines = assets.lines_of(files(**{"b/x": "1" * 64, "a": "2" * 64, "b/y": "3" * 64}), [])
    assert [line for line in lines[1:] if "sha256" not in line] == [
        "  /",
        "    + a.html 9 bytes, text/html",
        "  /b/",
        "    + x.html 9 bytes, text/html",
        "    + y.html 9 bytes, text/html",
    ]


def test_names_of_files_cannot_write_lines_of_their_own() -> None:
    for name in ("a\nWARNING \x1b[2J\u202e", "a 9 bytes", "a\ufe01", 'a" 9 bytes'):
        _, folder, line, digest = assets.lines_of(files(**{name: "7"}), [])
        assert (folder, digest) == ("  /", f"      sha256 {'7' * 64}")
        assert not {"\n", "\x1b", "\u202e", "\ufe01"} & set(line)
        if " " in name:
            assert line.startswith('    + "') and line.endswith('.html" 9 bytes, text/html')


@pytest.mark.parametrize("told", [OLD, NEW[:2], []])
def test_files_that_the_order_does_not_bind_are_not_shown(told: Any) -> None:
    with pytest.raises(ClientError, match="the files that are shown have the digest"):
        show(Installed(told=told))
    with pytest.raises(ClientError, match="the files that are shown have the digest"):
        show(Installed(told=told), as_json=True)


@pytest.mark.parametrize("output", [Output(as_json=True), Output(quiet=True), Output()])
def test_files_that_could_not_be_shown_are_not_approved(output: Output) -> None:
    decided = []

    class Voting(Installed):
        connection = SimpleNamespace(sender="aaaaa-aa")

        def get_approval(self, name: str, certified: bool = False) -> Any:
            found = super().get_approval(name)
            return {**found, "request": {"sha256": found["order"]["sha256"]}}

        def decide_approval(self, vote: Any) -> Any:
            decided.append(vote["digest"])
            return self.get_approval(vote["approval"])

    for told in (OLD, NEW):
        context = Context(Path(), "default", output)
        context.__dict__["system"] = Voting(told=told)
        wanted = approval_decision.Wanted(None, None, yes=True)
        if told is OLD:
            with pytest.raises(ClientError, match="the files that are shown have the digest"):
                approval_decision.decide(context, "approval-1", True, wanted, "")
            assert decided == []
        else:
            approval_decision.decide(context, "approval-1", True, wanted, "")
            assert len(decided) == 1


def test_a_first_release_adds_all_and_an_unknown_last_one_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show(Installed(last=None))
    assert "files: 3 added, 0 changed, 0 removed, 0 same" in capsys.readouterr().out
    show(Installed(before=None))
    assert "the last release's are not known" in capsys.readouterr().out.replace("\n  ", " ")
