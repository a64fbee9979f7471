"""`Ok | Err` is made in one place, for a caller who may ask, and every update is counted."""

import textwrap
from pathlib import Path

import pytest

from dcanary.testing.native import ANONYMOUS, CanisterReject, NativeCanister, NativeNetwork
from shared.rules import refused
from shared.rules.limits import MAX_STRANGER_ARGUMENT_BYTES
from tests.canisters.installation import OWNER, ROOT, STRANGER, error, ok

MAIN = """
from kybra import Async, StableBTreeMap, nat8, nat64, query, text, update

from shared.base.canister import Canister, serve
from shared.base.endpoints import (
    grant_role, health, initialise, inspect, instructions, list_grants, revoke_role, siblings, wire
)
from shared.base.records import Wiring
from shared.base.results import answer, answer_async, answer_query
from shared.rules.refused import conflict, too_large
from shared.types.release import TextResult

grants = StableBTreeMap[text, text](memory_id=0, max_key_size=80, max_value_size=200)
wiring = StableBTreeMap[nat8, Wiring](memory_id=1, max_key_size=20, max_value_size=400)
totals = StableBTreeMap[text, nat64](memory_id=2, max_key_size=100, max_value_size=20)

serve(
    Canister(
        name="probe", grants=grants, wiring=wiring, totals=totals,
        callers={"echo": "Admin", "echo_later": "Admin", "told": "webhook"},
        records=lambda: 7, open_work=lambda: 2,
    )
)

def echoed(word: str) -> str:
    if word == "no":
        raise conflict("no is not echoed: use another word")
    return word

def later(word: str) -> "Async[str]":
    return echoed(word)
    yield

@update
def echo(word: text) -> TextResult:
    return answer("echo", lambda: echoed(word))

@update
def echo_later(word: text) -> Async[TextResult]:
    return answer_async("echo_later", lambda: later(word))

@update
def told(word: text) -> TextResult:
    return answer("told", lambda: echoed(word))

@update
def forgotten(word: text) -> TextResult:
    return answer("forgotten", lambda: echoed(word))

@query
def ask(word: text) -> TextResult:
    return answer_query(lambda: echoed(word))
"""


@pytest.fixture
def probe(tmp_path: Path) -> NativeCanister:
    (tmp_path / "shared").symlink_to(ROOT / "shared")
    (tmp_path / "main.py").write_text(textwrap.dedent(MAIN))
    return NativeNetwork().install(tmp_path / "main.py", caller=OWNER)


@pytest.mark.parametrize("method", ["echo", "echo_later"])
def test_what_the_work_returns_or_refuses_is_the_answer(probe: NativeCanister, method: str) -> None:
    assert ok(probe.update(method, "hello", caller=OWNER)) == "hello"
    assert "another word" in error(probe.update(method, "no", caller=OWNER), "Conflict")
    assert "role Admin" in error(probe.update(method, "hello", caller=STRANGER), "Denied")


def test_a_query_is_answered_to_anyone(probe: NativeCanister) -> None:
    assert ok(probe.query("ask", "hello", caller=ANONYMOUS)) == "hello"
    assert "another word" in error(probe.query("ask", "no", caller=ANONYMOUS), "Conflict")


def test_every_update_is_counted_under_its_name(probe: NativeCanister) -> None:
    for method in ("echo", "echo_later"):
        probe.update(method, "hello", caller=OWNER)
    assert {"echo", "echo_later"} <= {name for name, _ in probe.query("instructions")}
    health = probe.query("health")
    assert (health["name"], health["records"], health["open"]) == ("probe", 7, 2)


def test_a_method_of_siblings_takes_no_one_else_and_says_when_it_is_not_wired(
    probe: NativeCanister,
) -> None:
    error(probe.update("told", "hello", caller=STRANGER), "Unavailable")
    names = ("webhook", "pipeline_config", "build_executor", "verification", "deployment")
    ok(probe.update("wire", dict.fromkeys(names, STRANGER), caller=OWNER))
    assert ok(probe.update("told", "hello", caller=STRANGER)) == "hello"
    error(probe.update("told", "hello", caller=OWNER), "Denied")


def test_a_method_that_the_table_of_callers_lacks_is_closed(probe: NativeCanister) -> None:
    error(probe.update("forgotten", "hello", caller=OWNER), "Denied")


def test_a_large_argument_of_a_caller_without_the_role_costs_nothing(
    probe: NativeCanister,
) -> None:
    long = "x" * MAX_STRANGER_ARGUMENT_BYTES
    assert ok(probe.update("echo", long, caller=OWNER)) == long
    with pytest.raises(CanisterReject, match="did not accept"):
        probe.update("echo", long, caller=STRANGER)


def test_the_kinds_of_refusals_are_the_cases_of_the_error_type(probe: NativeCanister) -> None:
    declared = probe.module("shared.types.errors").Error.__annotations__
    assert set(declared) == set(refused.KINDS)
    made = (
        refused.not_found("x"),
        refused.denied("x"),
        refused.invalid("x"),
        refused.conflict("x"),
        refused.too_large("x"),
        refused.exhausted("x"),
        refused.unavailable("x"),
    )
    assert [one.kind for one in made] == list(refused.KINDS)
