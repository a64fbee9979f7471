"""The record for `pipeline_config` has the fields and cases of the canisters' own types."""

import ast
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ic.candid import Types, decode, encode

from dcanary.pipeline import PipelineFileError, limits, load_pipeline, parse_pipeline, to_candid
from tests.pipeline.test_loader import GOOD, SMALLEST

SHARED = Path(__file__).parents[2] / "shared" / "types"
_WORDS = {
    "text": Types.Text,
    "null": Types.Null,
    "bool": Types.Bool,
    "blob": Types.Vec(Types.Nat8),
    "nat16": Types.Nat16,
    "nat32": Types.Nat32,
    "nat64": Types.Nat64,
    "Principal": Types.Principal,
}


def candid_types(module: str) -> dict[str, Any]:
    """The records and variants of a `shared` module, read from its source, as `ic-py` types."""
    types: dict[str, Any] = dict(_WORDS)

    def convert(node: ast.expr) -> Any:
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            wrap = {"Vec": Types.Vec, "Opt": Types.Opt}[node.value.id]
            return wrap(convert(node.slice))
        assert isinstance(node, ast.Name)
        return types[node.id]

    for item in ast.parse((SHARED / f"{module}.py").read_text()).body:
        if isinstance(item, ast.ClassDef) and item.name != "PipelineResult":
            kind = item.bases[0]
            assert isinstance(kind, ast.Name)
            fields = {
                field.target.id: convert(field.annotation)
                for field in item.body
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                if not (isinstance(field.annotation, ast.Name) and field.annotation.id == "Error")
            }
            types[item.name] = {"Record": Types.Record, "Variant": Types.Variant}[kind.id](fields)
    return types


def shared(module: str) -> ModuleType:
    return importlib.import_module(f"shared.{module}")


OPTIONAL = {
    *("deploy", "queue_seconds", "grace_seconds", "needs", "cpus", "image", "region"),
    *("fetch", "keep", "secrets", "reports", "tests", "flaky", "cache", "group"),
    *("parallel", "retry_causes"),
    *("install_references", "upgrade_references", "deploys", "priority", "template", "assets"),
}
"""Fields of type opt; so is `depends_on` of a target, but not that of a stage."""


def for_ic_py(value: Any, optional: set[str]) -> Any:
    """The same value with each opt as ic-py takes it: a list of none or one."""
    if isinstance(value, list):
        return [for_ic_py(each, optional) for each in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, inner in value.items():
        plain = for_ic_py(inner, optional)
        if name in optional or (name == "depends_on" and "target" in value):
            plain = [] if inner is None else [plain]
        made[name] = plain
    return made


@pytest.mark.parametrize("text", [GOOD, SMALLEST])
def test_the_record_is_encoded_and_decoded_as_the_canisters_type(text: str) -> None:
    record = to_candid(parse_pipeline(text.encode()), "counter", ["rrkah-fqaaa-aaaaa-aaaaq-cai"])
    kind = candid_types("pipeline")["PipelineInput"]
    assert record.keys() == kind._fields.keys()
    value = for_ic_py(record, OPTIONAL)
    (decoded,) = decode(encode([{"type": kind, "value": value}]), [kind])
    back = decoded["value"]
    assert back["name"] == record["name"]
    assert back["triggers"] == record["triggers"]
    assert back["stages"] == value["stages"]
    assert [p.to_str() for p in back["approval"]["approvers"]] == ["rrkah-fqaaa-aaaaa-aaaaq-cai"]
    assert len(back["deploy"]) == len(value["deploy"])


def test_approvers_of_file_and_registration_are_joined_and_the_threshold_is_checked() -> None:
    pipeline = parse_pipeline(
        GOOD.replace("approvers: []", "approvers: [rrkah-fqaaa-aaaaa-aaaaq-cai]").encode()
    )
    record = to_candid(
        pipeline,
        "counter",
        ["rrkah-fqaaa-aaaaa-aaaaq-cai", "ryjl3-tyaaa-aaaaa-aaaba-cai"],
    )
    assert record["approval"]["approvers"] == [
        "rrkah-fqaaa-aaaaa-aaaaq-cai",
        "ryjl3-tyaaa-aaaaa-aaaba-cai",
    ]
    without = parse_pipeline(GOOD.encode())
    with pytest.raises(
        ValueError, match="threshold is 1 and there are 0 approvers: name more with --approver"
    ):
        to_candid(without, "counter")
    assert to_candid(parse_pipeline(SMALLEST.encode()), "c")["approval"]["approvers"] == []
    with pytest.raises(ValueError, match="approver nobody"):
        to_candid(without, "counter", ["nobody"])


ASKING = """
version: 1
name: a
queue: 2d
stages:
  b:
    runtime: shell
    commands: ['true']
    needs: {cpus: 4, region: eu, labels: [fast, big]}
    grace: 5m
"""


def test_what_a_stage_needs_and_how_long_is_waited_reach_the_canister(
    canister_problem: Callable[[Any], str | None],
) -> None:
    record = to_candid(parse_pipeline(ASKING.encode()), "c")
    (stage,) = record["stages"]
    assert stage["needs"] == {
        "cpus": 4,
        "image": None,
        "region": "eu",
        "image_lock": None,
        "labels": ["fast", "big"],
    }
    assert stage["grace_seconds"] == 300
    assert record["queue_seconds"] == 2 * 86_400
    assert canister_problem(as_in_canister(record)) is None
    (stage,) = to_candid(parse_pipeline(SMALLEST.encode()), "c")["stages"]
    assert stage["needs"] is stage["grace_seconds"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        ("cpus: 4", "cpus: 0"),
        ("cpus: 4", "cpus: 65536"),
        ("region: eu", "region: ''"),
        ("region: eu", "region: 'e\u00fc'"),
        ("region: eu", f"region: {'a' * 201}"),
        ("fast, big", "fast, fast"),
        ("fast, big", ", ".join(f"l{n}" for n in range(17))),
        ("grace: 5m", "grace: 31m"),
        ("queue: 2d", "queue: 8d"),
    ],
)
def test_needs_and_times_that_the_canister_refuses_are_refused_in_the_file(
    wrong: tuple[str, str],
) -> None:
    with pytest.raises(PipelineFileError):
        parse_pipeline(ASKING.replace(*wrong).encode())


def test_an_image_is_asked_for_beside_the_needs() -> None:
    with pytest.raises(PipelineFileError, match=r"needs\.image: is not a known key here"):
        parse_pipeline(ASKING.replace("cpus: 4", "image: debian").encode())


def test_the_limits_are_those_of_the_canisters() -> None:
    theirs = shared("rules.limits")
    common = [name for name in vars(theirs) if name.isupper() and hasattr(limits, name)]
    assert len(common) >= 14
    assert {name: getattr(limits, name) for name in common} == {
        name: getattr(theirs, name) for name in common
    }
    assert theirs.MAX_APPROVAL_TTL_NS == limits.MAX_APPROVAL_TTL_SECONDS * theirs.SECOND_NS
    assert theirs.DEFAULT_APPROVAL_TTL_NS == limits.DEFAULT_APPROVAL_TTL_SECONDS * theirs.SECOND_NS
    assert theirs.MAX_QUEUE_NS == limits.MAX_QUEUE_SECONDS * theirs.SECOND_NS
    assert theirs.COMMIT_WINDOW_NS == limits.COMMIT_WINDOW_SECONDS * theirs.SECOND_NS


_names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True)
_paths = st.text("ab/.* ", min_size=1, max_size=6)
_stages = st.fixed_dictionaries(
    {
        "runtime": st.sampled_from(["shell", "python", "motoko", "node", "rust"]),
        "commands": st.lists(st.text(max_size=5), max_size=3),
    },
    optional={
        "depends_on": st.lists(_names, max_size=2),
        "environment": st.dictionaries(st.text("aA1_-", max_size=4), st.text(max_size=4)),
        "artifacts": st.lists(_paths, max_size=3),
        "replicas": st.integers(0, 15),
        "quorum": st.integers(0, 15),
        "retries": st.integers(0, 6),
    },
)
_files = st.fixed_dictionaries(
    {"version": st.just(1), "name": _names, "stages": st.dictionaries(_names, _stages, max_size=3)},
    optional={
        "on": st.fixed_dictionaries(
            {"push": st.fixed_dictionaries({"branches": st.lists(st.text(max_size=6), max_size=3)})}
        )
    },
)


class _Text(str):
    """A principal as canisters hold it."""

    __slots__ = ()

    def to_str(self) -> str:
        return str(self)


@settings(deadline=None)
@given(_files)
def test_what_the_parser_accepts_the_canister_accepts(
    canister_problem: Callable[[Any], str | None], values: dict[str, Any]
) -> None:
    try:
        pipeline = parse_pipeline(json.dumps(values).encode())
    except PipelineFileError:
        return
    assert canister_problem(as_in_canister(to_candid(pipeline, "counter"))) is None


@pytest.mark.parametrize("example", ["counter-motoko", "counter-python"])
def test_the_examples_are_accepted_by_the_canister(
    canister_problem: Callable[[Any], str | None], example: str
) -> None:
    pipeline = load_pipeline(SHARED.parents[1] / "examples" / example / "dcanary.yml")
    record = to_candid(pipeline, example, ["rrkah-fqaaa-aaaaa-aaaaq-cai"])
    assert canister_problem(as_in_canister(record)) is None


def as_in_canister(record: dict[str, Any]) -> dict[str, Any]:
    approval = record["approval"]
    approvers = [_Text(each) for each in approval["approvers"]]
    return {**record, "approval": {**approval, "approvers": approvers}}


@pytest.fixture(scope="module")
def canister_problem() -> Iterator[Callable[[Any], str | None]]:
    """The canister's own check of a pipeline."""
    folder = str(SHARED.parents[1])
    added = folder not in sys.path
    if added:
        sys.path.insert(0, folder)
    problem: Callable[[Any], str | None] = importlib.import_module(
        "canisters.pipeline_config.pipelines.rules"
    ).pipeline_problem
    yield problem
    if added:
        sys.path.remove(folder)
