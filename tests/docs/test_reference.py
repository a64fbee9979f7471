"""The reference pages against the code that they describe."""

from __future__ import annotations

import json
import re

import pytest

from canisters.webhook.deliveries.answers import ANSWERS
from dcanary.client.types import build_executor, deployment, verification, webhook
from dcanary.executor.sandbox.model import REASONS
from shared.rules import limits
from tests.docs import canisters, keys, not_yet
from tests.docs.pages import DOCS, ROOT, generated, rows, text_of
from tests.docs.write import GENERATED

REFRESH = "out of date: run `.venv/bin/python -m tests.docs.write` and read the difference"
KIB = 1024
SECOND = 10**9
UNITS = {"KIB", "MIB", "SECOND_NS", "VERSION"}
"""Names in limits.py that bound nothing."""


@pytest.mark.parametrize(("page", "part"), [(p, part) for p in GENERATED for part in GENERATED[p]])
def test_the_generated_parts_are_what_the_code_gives(page: str, part: str) -> None:
    assert generated(text_of(page), part) == GENERATED[page][part](), REFRESH


def _described(text: str) -> dict[str, list[str]]:
    """First cell (without backticks) -> the other cells, of every row of a page."""
    return {cells[0].strip("`"): cells[1:] for cells in rows(text) if cells[0].startswith("`")}


def test_every_key_of_a_pipeline_file_is_described_with_its_type_range_and_default() -> None:
    found = [
        tuple(cells[:4])
        for cells in rows(text_of("reference/dcanary-yml.md"))
        if len(cells) == 5 and cells[0].startswith("`")
    ]
    wanted = [
        (f"`{path}`", kind, bounds, default) for path, kind, bounds, default in keys.expected()
    ]
    assert found == wanted


def _limits() -> dict[str, str]:
    """Constant -> its value as the page writes it."""
    found = {name: value for name, value in vars(limits).items() if name.isupper()}
    return {name: _value(name, value) for name, value in found.items() if name not in UNITS}


def _value(name: str, value: object) -> str:
    assert isinstance(value, int)
    if name.endswith("_NS"):
        return f"{value // SECOND} s"
    for size, unit in ((KIB * KIB, "MiB"), (KIB, "KiB")):
        if "BYTES" in name and value >= size and value % size == 0:
            return f"{value // size} {unit}"
    return str(value)


def test_every_limit_is_listed_with_its_value() -> None:
    listed = {name: cells[0] for name, cells in _described(text_of("reference/limits.md")).items()}
    assert listed == _limits()


@pytest.mark.parametrize("canister", ["common", *canisters.NAMES])
def test_what_every_method_does_is_said(canister: str) -> None:
    section = text_of("reference/canisters.md").split(f"<!-- end of {canister} -->")[1]
    described = set(_described(section.split("\n## ")[0]))
    common = canister == "common"
    methods = canisters.common_methods("webhook") if common else canisters.methods(canister)
    assert described == {method.name for method in methods}


@pytest.mark.parametrize("canister", canisters.NAMES)
def test_all_canisters_have_the_common_methods(canister: str) -> None:
    found = [(one.name, one.kind, one.signature) for one in canisters.common_methods(canister)]
    assert found == [
        (one.name, one.kind, one.signature) for one in canisters.common_methods("webhook")
    ]
    assert [name for name, _, _ in found] == list(canisters.COMMON)


def test_who_may_call_is_read_from_the_table_of_callers() -> None:
    found = {
        (one.canister, one.name): one.caller
        for c in canisters.NAMES
        for one in canisters.methods(c)
    }
    assert found["webhook", "trigger_run"] == "role Operator"
    assert found["verification", "open_round"] == "the canister build_executor"
    assert found["deployment", "register_target"] == "role Admin"
    assert found["deployment", "start_release"] == "the canister verification"
    assert found["build_executor", "lease_work"] == "a registered, enabled executor"


def test_every_case_of_error_and_every_reason_is_listed() -> None:
    listed = _described(text_of("reference/errors-and-exit-codes.md"))
    assert set(canisters.error_cases()) | set(REASONS) <= set(listed)


@pytest.mark.parametrize(
    ("word", "variant"),
    [
        ("delivery", webhook.DeliveryState),
        ("run", build_executor.RunState),
        ("stage", build_executor.StageState),
        ("job", build_executor.JobState),
        ("round", verification.Phase),
        ("verdict", verification.VerdictKind),
        ("approval request", verification.ApprovalState),
        ("release", deployment.ReleaseState),
    ],
)
def test_every_state_is_listed(word: str, variant: type) -> None:
    listed = {cells[0]: cells[1] for cells in rows(text_of("reference/errors-and-exit-codes.md"))}
    assert sorted(listed[word].split(", ")) == sorted(variant.__annotations__)


def test_every_answer_of_the_front_door_is_listed() -> None:
    """Status and word of each row of the table, and nothing else."""
    listed = {
        (int(cells[0]), json.loads(cells[2].strip("`"))["status"])
        for cells in rows(text_of("reference/http.md").split("\n## Agreed files")[0])
        if cells[0].isdecimal()
    }
    assert listed == {(status, word) for status, words in ANSWERS.items() for word in words}


def test_every_refusal_says_what_is_not_supported_yet() -> None:
    found = not_yet.entries()
    assert len(found) > 20
    assert [what for what, _, answer in found if "not supported yet" not in answer] == []


def test_sentences_about_what_is_not_supported_yet_stand_in_the_tables_only() -> None:
    """Or else the page would not list them. Docstrings and comments may use the words."""
    tables = {"shared/rules/not_yet.py", "src/dcanary/not_yet.py"}
    tables.add("src/dcanary/wasm/guest/kybra/_not_yet.py")
    elsewhere = {
        str(path.relative_to(ROOT))
        for folder in ("src", "canisters", "shared")
        for path in (ROOT / folder).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"[\"'].*not supported yet", line) and not line.lstrip().startswith('"""')
    }
    assert elsewhere == tables


def test_the_drawing_is_well_formed_and_described() -> None:
    text = (DOCS / "flow.svg").read_text(encoding="utf-8")
    # Our own file; a parser of hostile XML is not needed.
    from xml.etree import ElementTree

    root = ElementTree.fromstring(text)
    names = {child.tag.rpartition("}")[2] for child in root}
    assert {"title", "desc"} <= names
    assert all(name in text for name in canisters.NAMES)
