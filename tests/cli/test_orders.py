"""What an approver sees: the whole order, its digest computed here, and what it would change."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest

from dcanary.candid import parse_interface
from dcanary.candid.principal import from_text
from dcanary.candid.text import encode_text, encode_untyped
from dcanary.cli.orders.arguments import arguments_text, interface_file, interface_of
from dcanary.cli.orders.digest import (
    checked_digest,
    checked_rollback_digest,
    order_digest,
    rollback_digest,
)
from dcanary.cli.orders.readable import changes, order_fields, overview
from dcanary.cli.orders.rollback import rollback_fields, rollback_warnings
from dcanary.cli.orders.target_now import TargetNow
from dcanary.cli.release import summary
from dcanary.client.errors import ClientError, RefusedError
from dcanary.wasm_binary.sections import custom, join
from shared.rules.orders import order_digest as digest_in_canister
from shared.rules.orders import rollback_digest as rollback_digest_in_canister

CANISTER = "rrkah-fqaaa-aaaaa-aaaaq-cai"
OLD, NEW = b"\x01" * 32, "02" * 32
DID = "service : (record { greeting : text; limit : nat }) -> { get : () -> (nat) query }"
INTERFACE = parse_interface(DID)
ARGUMENT = INTERFACE.init.encode([{"greeting": "hello\x1b[2J", "limit": 5}])


def order(**changed: Any) -> Any:
    """An Order as verification answers it."""
    return {
        "target": "counter",
        "canister": CANISTER,
        "network": "local",
        "repository": "counter",
        "run": "run-7",
        "source": {
            "repository": "counter",
            "clone_url": "http://127.0.0.1/counter.git",
            "ref": "refs/heads/main",
            "sha": "a" * 40,
            "message": "Count in tens",
            "author": "Ann <ann@example.com>",
        },
        "pipeline_version": 3,
        "stage": "build",
        "artifact": "build/counter.wasm.gz",
        "sha256": NEW,
        "size": 12_345,
        "mode": {"Upgrade": None},
        "memory": {"Keep": None},
        "argument": ARGUMENT,
        "verdict": {
            "manifest": "3" * 64,
            "environment": "4" * 64,
            "operators": ["alice", "bob"],
            "quorum": 2,
            "replicas": 3,
        },
        "gates": [{"gate": {"MaxArtifactBytes": 9}, "passed": True, "detail": "small"}],
        "replaces": OLD,
        "creates": None,
        "assets": None,
        **changed,
    }


def as_ordered(made: Any) -> TargetNow:
    """The target as it was when people were asked."""
    target: Any = {"canister": made["canister"], "network": made["network"]}
    return TargetNow(made["replaces"], target=target)


@dataclass
class Principal:
    """A principal as canisters hold it."""

    bytes: bytes


def as_in_canister(value: Any) -> Any:
    ready = deepcopy(value)
    if ready["canister"] is not None:
        ready["canister"] = Principal(from_text(ready["canister"]))
    if ready.get("creates") is not None:
        named = ready["creates"]["controllers"]
        ready["creates"]["controllers"] = [Principal(from_text(one)) for one in named]
    return ready


CREATES = {"controllers": ["aaaaa-aa", CANISTER], "cycles": 3_000_000_000_000}
CREATING: dict[str, Any] = {
    "canister": None,
    "replaces": None,
    "mode": {"Install": None},
    "creates": CREATES,
}


CHANGES: list[dict[str, Any]] = [
    {},
    CREATING,
    {**CREATING, "creates": None},
    {**CREATING, "creates": {"controllers": [], "cycles": 2**80}},
    {"argument": b""},
    {"gates": []},
    {"target": "Zähler ✓"},
]


@pytest.mark.parametrize("changed", CHANGES)
def test_the_digest_is_that_of_the_canisters(changed: dict[str, Any]) -> None:
    assert order_digest(order(**changed)) == digest_in_canister(as_in_canister(order(**changed)))


@pytest.mark.parametrize("field", sorted(order()))
def test_every_field_of_an_order_changes_its_digest(field: str) -> None:
    other: dict[str, Any] = {
        "canister": "aaaaa-aa",
        "source": {**order()["source"], "message": "x"},
        "mode": {"Reinstall": None},
        "memory": {"Replace": None},
        "argument": b"x",
        "verdict": {**order()["verdict"], "quorum": 3},
        "gates": [],
        "replaces": None,
        "creates": CREATES,
        "assets": {"folder": "dist/", "digest": "5" * 64, "files": 2, "bytes": 9},
        "size": 1,
        "pipeline_version": 4,
    }
    assert order_digest(order(**{field: other.get(field, "x")})) != order_digest(order())


def request(**changed: Any) -> Any:
    return {
        "approval": "approval-1",
        "state": {"Pending": None},
        "order": order(),
        "digest": order_digest(order()),
        "release": None,
        "policy": {"approvers": ["aaaaa-aa"], "threshold": 1, "ttl_seconds": 60},
        "counted": [],
        "votes": [],
        "created_ns": 0,
        "expires_ns": 0,
        **changed,
    }


def test_a_digest_that_is_not_the_orders_is_not_to_be_approved() -> None:
    assert checked_digest(request()) == order_digest(order())
    with pytest.raises(ClientError, match="do not approve it"):
        checked_digest(request(order=order(argument=b"other")))
    with pytest.raises(ClientError, match="has no order yet"):
        checked_digest(request(order=None))


def test_everything_that_is_bound_is_shown() -> None:
    shown = order_fields(order(), INTERFACE)
    text = str(shown)
    for piece in (
        *("counter of counter on the network local", CANISTER, "'Upgrade'", "'Keep'"),
        *("build/counter.wasm.gz of stage build, 12,345 bytes", NEW, OLD.hex()),
        *("run-7, pipeline version 3", "refs/heads/main", "a" * 40, "Ann <ann@example.com>"),
        *("Count in tens", "http://127.0.0.1/counter.git", "alice, bob (quorum 2 of 3)"),
        *("3" * 64, "4" * 64, "MaxArtifactBytes passed: small"),
    ):
        assert piece in text, piece
    assert shown["arguments"] == ('(record { greeting = "hello\\u{1b}[2J"; limit = 5 : nat })',)


def test_what_a_new_canister_gets_is_shown_with_the_order_that_creates_it() -> None:
    shown = order_fields(order(**CREATING), None)
    assert shown["canister"] == "made by this release"
    assert shown["made with"] == (
        f"3,000,000,000,000 cycles; its controllers: aaaaa-aa, {CANISTER}"
    )
    earlier = order_fields(order(**{**CREATING, "creates": None}), None)
    assert "cannot be approved" in str(earlier["made with"])
    assert "made with" not in order_fields(order(), None)


def test_a_release_that_creates_its_canister_shows_what_it_gave_to_it() -> None:
    release: Any = {
        **{"release": "release-1", "state": {"Succeeded": None}, "canister": CANISTER},
        **{"module_hash": None, "previous_hash": None, "snapshot": None, "updated_ns": 0},
        **{"rollback": None, "rolled_back_by": None, "note": None, "created": True},
        "order": {**order(), "approval": "approval-1", "order": order(**CREATING)},
    }
    assert CANISTER in str(summary(release)["made with"])
    # It went on with what an earlier attempt of its order had made.
    release["created"] = False
    assert not {"made with", "to be made with"} & set(summary(release))
    # One that waits has made none yet.
    assert CANISTER in str(summary({**release, "canister": None})["to be made with"])
    release["created"] = True
    release["order"]["order"] = order()
    assert "made with" not in summary(release)
    assert "files" not in summary(release)
    files = {"folder": "dist/", "digest": "5" * 64, "files": 2, "bytes": 1_900}
    release["order"]["order"] = order(assets=files)
    assert summary(release)["files"] == (
        f"2 below dist/, 1,900 bytes; the digest of their list: {'5' * 64}"
    )
    # Version 0.1.0 kept no order.
    release["order"]["order"] = None
    assert "made with" not in summary(release)


def test_arguments_are_shown_by_what_is_known_of_their_types() -> None:
    assert arguments_text(b"", None) == "none"
    assert arguments_text(ARGUMENT, None).startswith("(record { ")
    assert arguments_text(ARGUMENT, parse_interface("service : (nat) -> {}")).startswith("(record")
    assert arguments_text(b"\x00\xff", INTERFACE) == "0x00ff (not Candid)"


@pytest.mark.parametrize(
    ("did", "sent", "hidden"),
    [
        ("service : () -> {}", '("first", 7 : nat)', '"first"'),
        ("service : (nat) -> {}", "(7 : nat, 8 : nat)", "8"),
        (
            "service : (record { name : text }) -> {}",
            '(record { name = "x"; admin = principal "aaaaa-aa" })',
            "aaaaa-aa",
        ),
        ("service : (reserved) -> {}", '("to whom")', "to whom"),
        ("service : (opt nat) -> {}", '(opt "of another type")', "of another type"),
        ("service : (record { limits : opt nat }) -> {}", '(record { limits = "x" })', '"x"'),
        (
            "service : (vec record { a : nat }) -> {}",
            "(vec { record { a = 1 : nat; b = 99 } })",
            "99",
        ),
    ],
)
def test_an_interface_that_reads_less_than_was_sent_hides_nothing(
    did: str, sent: str, hidden: str
) -> None:
    argument = encode_untyped(sent)
    shown = arguments_text(argument, parse_interface(did))
    assert hidden in shown
    assert "of which the module's interface reads:" in shown
    assert hidden not in shown.partition("reads:")[2]


@pytest.mark.parametrize(
    "argument",
    [
        "4449444c016703616263027d000504006576696c",  # a value of a type of the future
        "4449444c016c0871717171017d05",  # a type that no value has, cut short
        "4449444c016c0100710" + "17d05",
        "4449444c026c00016c0071017d05",
    ],
)
def test_what_readers_of_candid_pass_over_is_shown_in_the_bytes(argument: str) -> None:
    for interface in (None, parse_interface("service : (nat) -> {}")):
        assert f"0x{argument}" in arguments_text(bytes.fromhex(argument), interface)


def test_what_the_interface_reads_whole_is_shown_with_its_names_alone() -> None:
    for did, sent in (
        ("service : (text, nat) -> {}", '("first", 7)'),
        ("service : (record { b : nat; a : text }) -> {}", '(record { a = "x"; b = 1 })'),
        ("service : (opt nat) -> {}", "(null)"),
        ("service : (variant { on; off : nat }) -> {}", "(variant { off = 3 })"),
        ("type T = opt record { nat; T }; service : (T) -> {}", "(opt record { 1; null })"),
    ):
        interface = parse_interface(did)
        shown = arguments_text(encode_text(sent, interface.init.types), interface)
        assert "interface reads" not in shown, shown
        assert "the bytes" not in shown, shown


def test_changes_name_module_commits_and_arguments() -> None:
    before = INTERFACE.init.encode([{"greeting": "hi", "limit": 1}])
    now = TargetNow(OLD, (CANISTER,), "release-4", "b" * 40, before)
    lines = changes(order(), now, INTERFACE)
    assert lines[:2] == [f"module now   {OLD.hex()}", f"module then  {NEW}"]
    assert f"commits: {'b' * 12}..{'a' * 12} (since release-4)" in lines
    assert any(line.startswith('arguments: (record { greeting = "hi"') for line in lines)
    assert f"controllers: {CANISTER} (as they are)" in lines
    assert not any("WARNING" in line for line in lines)


@pytest.mark.parametrize(
    ("changed", "now", "told"),
    [
        (
            {},
            TargetNow(b"\x09" * 32),
            f"another module than when the order was made:\nit ran       {OLD.hex()}",
        ),
        (
            CREATING,
            TargetNow(),
            "a new canister is made with 3,000,000,000,000 cycles; "
            f"its controllers: aaaaa-aa, {CANISTER}",
        ),
        ({**CREATING, "creates": None}, TargetNow(), "a new canister is made with NOT SAID"),
        ({"mode": {"Reinstall": None}}, TargetNow(OLD), "ERASED"),
        ({"memory": {"Replace": None}}, TargetNow(OLD), "REPLACED"),
        ({"sha256": OLD.hex()}, TargetNow(OLD), "(the same)"),
    ],
)
def test_what_an_approver_must_not_miss_is_said(
    changed: dict[str, Any], now: TargetNow, told: str
) -> None:
    assert told in "\n".join(changes(order(**changed), now, None))


def test_a_vote_that_does_not_count_any_more_is_marked() -> None:
    vote = {"approver": "2vxsx-fae", "approve": True, "comment": "good", "at_ns": 0}
    shown = overview(request(votes=[vote]))
    assert shown["votes"] == ('2vxsx-fae approves (does not count: no approver now): "good"',)
    assert shown["approvals"] == "0 of 1"


FILE = {
    "path": "build/counter.did",
    "size": len(DID),
    "sha256": hashlib.sha256(DID.encode()).hexdigest(),
}


def test_the_interface_is_the_file_of_the_same_name_or_the_only_one() -> None:
    other = {**FILE, "path": "build/other.did"}
    assert interface_file([FILE, other], "build/counter.wasm.gz") == FILE  # type: ignore[list-item]
    assert interface_file([other], "build/counter.wasm") == other  # type: ignore[list-item]
    assert interface_file([other, {**FILE, "path": "x.did"}], "build/counter.wasm") is None  # type: ignore[list-item]
    assert interface_file([{**FILE, "size": 10**9}], "build/counter.wasm") is None  # type: ignore[list-item]


@dataclass
class Installed:
    """The three parts of an installation that are asked for an interface."""

    content: bytes
    published: bytes | None = None
    files: tuple[Any, ...] = (FILE,)

    @property
    def verification(self) -> Installed:
        return self

    @property
    def build_executor(self) -> Installed:
        return self

    @property
    def connection(self) -> Installed:
        return self

    def get_round(self, run: str, stage: str) -> Any:
        return {"verdict": {"files": list(self.files)}}

    def read_chunk(self, request: Any) -> bytes:
        if not self.content:
            raise RefusedError("NotFound", "kept no longer", "read_chunk")
        return self.content

    def metadata(self, canister: bytes, name: str) -> bytes | None:
        return self.published


def test_the_interface_that_was_agreed_on_is_preferred() -> None:
    found = interface_of(Installed(DID.encode(), b"service : {}"), order())  # type: ignore[arg-type]  # a double of System
    assert found is not None
    assert set(found.methods) == {"get"}


def test_bytes_that_are_not_those_agreed_on_are_not_used() -> None:
    lied = DID.replace("limit", "bound").encode()
    found = interface_of(Installed(lied, b"service : {}"), order())  # type: ignore[arg-type]  # a double of System
    assert found is not None
    assert found.methods == {}


def test_a_module_without_an_interface_file_is_asked_itself() -> None:
    content = join([custom("icp:public candid:service", DID.encode())])
    agreed = {
        "path": order()["artifact"],
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    found = interface_of(Installed(content, b"service : {}", (agreed,)), order())  # type: ignore[arg-type]  # a double of System
    assert found is not None
    assert set(found.methods) == {"get"}
    # What is no module, or too large to be read for that, tells nothing.
    for changed in ({"size": 10**9}, {"sha256": "0" * 64}):
        files = ({**agreed, **changed},)
        found = interface_of(Installed(content, b"service : {}", files), order())  # type: ignore[arg-type]  # a double of System
        assert found is not None and found.methods == {}


def test_without_any_interface_there_is_none() -> None:
    assert interface_of(Installed(b""), order()) is None  # type: ignore[arg-type]
    assert interface_of(Installed(b"", b"nonsense {"), order()) is None  # type: ignore[arg-type]


def rollback_order(**changed: Any) -> Any:
    return {
        "target": "counter",
        "canister": CANISTER,
        "network": "local",
        "undoes": "release-3",
        "snapshot": b"\x07" * 10,
        "returns_to": OLD,
        "replaces": bytes.fromhex(NEW),
        "difference": None,
        **changed,
    }


@pytest.mark.parametrize("changed", [{}, {"replaces": None, "difference": "hot fix"}])
def test_the_digest_of_a_rollback_is_that_of_the_canisters(changed: dict[str, Any]) -> None:
    made = rollback_order(**changed)
    assert rollback_digest(made) == rollback_digest_in_canister(as_in_canister(made))


def test_a_plan_whose_digest_is_another_is_not_carried_out() -> None:
    plan: Any = {"order": rollback_order(), "digest": rollback_digest(rollback_order())}
    assert checked_rollback_digest(plan) == plan["digest"]
    with pytest.raises(ClientError, match="the canister says"):
        checked_rollback_digest({**plan, "digest": "0" * 64})


def test_a_rollback_shows_what_it_takes_back_and_what_somebody_else_changed() -> None:
    shown = str(rollback_fields(rollback_order(), "d" * 64))
    for piece in ("release-3", CANISTER, "counter on the network local", NEW, OLD.hex(), "d" * 64):
        assert piece in shown
    assert len(rollback_warnings(rollback_order())) == 1
    told = rollback_warnings(rollback_order(difference="module 0909 runs"))
    assert told[0] == "somebody else changed the canister since: module 0909 runs"
