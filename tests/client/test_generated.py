"""The client's types and calls are those of the canisters' interface files."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from dcanary.candid import parse_interface
from dcanary.client.actor import shipped_interface
from dcanary.client.generate import TARGET, generated, render
from dcanary.client.names import CANISTERS

ROOT = Path(__file__).resolve().parents[2]
REFRESH = "out of date: run `.venv/bin/python -m dcanary.client.generate` and commit what it writes"


FILES = [
    file
    for name in CANISTERS
    for file in (f"types/{name}.did", f"types/{name}.py", f"calls/{name}.py")
]


@pytest.mark.parametrize("file", FILES)
def test_a_generated_file_is_what_the_interface_gives(file: str) -> None:
    assert (TARGET / file).read_text(encoding="utf-8") == generated(ROOT / "canisters")[file], (
        REFRESH
    )


@pytest.mark.parametrize("folder", ["types", "calls"])
def test_no_other_file_lies_among_the_generated_ones(folder: str) -> None:
    there = {f"{folder}/{path.name}" for path in (TARGET / folder).iterdir() if path.is_file()}
    assert there <= {f"{folder}/__init__.py", *FILES}


@pytest.mark.parametrize("name", CANISTERS)
def test_every_method_of_the_interface_is_a_method_of_the_class(name: str) -> None:
    module = importlib.import_module(f"dcanary.client.calls.{name}")
    caller = getattr(module, "".join(part.capitalize() for part in name.split("_")))
    for method in shipped_interface(caller.did).methods:
        assert callable(getattr(caller, method))


DID = """
type Colour = variant { Red; Mixed : vec Colour };
type Point = record { x : int; "class" : opt text; tint : Colour };
service : {
  blob_of : (principal, opt nat64) -> (blob) query;
  draw : (Point, vec record { text; float64 }) -> (variant { Ok; Err : text });
  find : (text, text) -> (variant { Ok : opt Point; Err : text }) query;
  pair : () -> (nat, bool);
}
"""


def test_a_record_whose_field_is_a_keyword_of_python_is_written_as_a_call() -> None:
    source = "".join(render("sample", parse_interface(DID)))
    assert (
        '        "class": "str | None",\n        "tint": "Colour",\n        "x": "int",\n' in source
    )


def test_a_variant_is_a_record_of_which_one_field_is_there() -> None:
    source = "".join(render("sample", parse_interface(DID)))
    assert "class Colour(TypedDict, total=False):" in source
    assert "    Mixed: list[Colour]\n    Red: None\n" in source


def test_a_method_that_answers_ok_or_err_gives_the_value_of_ok() -> None:
    source = "".join(render("sample", parse_interface(DID)))
    assert "def draw(self, point: Point, value: list[tuple[str, float]], /) -> None:" in source
    assert "def find(self, text: str, text_: str, /, *, certified: bool = False) -> " in source
    assert 'answer: Point | None = self.ask("find", text, text_, certified=certified)' in source


def test_other_results_are_given_as_they_are() -> None:
    source = "".join(render("sample", parse_interface(DID)))
    assert "def pair(self) -> tuple[int, bool]:" in source
    assert 'answer: bytes = self.call("blob_of", principal, nat64, certified=certified)' in source


def test_generated_sources_run() -> None:
    types, calls = render("sample", parse_interface(DID))
    space: dict[str, object] = {}
    exec(types, space)
    exec(calls, space)
    assert {"Sample", "Point", "Colour"} <= set(space)


def test_a_method_that_would_hide_one_of_the_client_is_refused() -> None:
    with pytest.raises(ValueError, match="ask"):
        render("sample", parse_interface("service : { ask : () -> () }"))


def test_two_records_without_a_name_in_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="would be called"):
        render(
            "sample",
            parse_interface("service : { f : (record { a : nat }, record { b : nat }) -> () }"),
        )


DRAFTS = """
type Point = record { x : int };
type PointDraft = record { x : opt int };
type LineDraft = record { from : PointDraft };
service : {
  draw : (PointDraft, opt text) -> ();
  find : (opt text, text) -> (Point);
  join : (vec PointDraft) -> ();
  trace : (LineDraft) -> ();
}
"""


def test_a_draft_is_also_given_by_the_whole_record_where_there_is_one() -> None:
    source = render("sample", parse_interface(DRAFTS))[1]
    assert "def draw(self, point_draft: PointDraft | Point, text: str | None = None, /)" in source
    assert "def join(self, value: list[PointDraft] | list[Point], /)" in source
    assert "def trace(self, line_draft: LineDraft, /)" in source


def test_only_arguments_at_the_end_may_be_left_out() -> None:
    source = render("sample", parse_interface(DRAFTS))[1]
    assert "def find(self, text: str | None, text_: str, /)" in source
