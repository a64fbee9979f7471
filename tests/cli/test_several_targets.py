"""Runs with several targets: what people see of them."""

from __future__ import annotations

from typing import Any

from dcanary.candid import principal
from dcanary.candid.text import encode_untyped
from dcanary.cli import run as run_commands
from dcanary.cli.operations import targets
from dcanary.cli.orders import references
from dcanary.cli.waiting import Changes
from dcanary.client.errors import RejectedError
from tests.cli.approving import BOTH, CANISTER, OTHER, Installed, asked, status
from tests.cli.test_waiting import run


def test_a_run_is_shown_with_its_targets() -> None:
    shown = run_commands.summary(BOTH)
    assert list(shown["targets"]) == [  # type: ignore[call-overload]  # of a dict of objects
        "a Approving (approval-1)",
        "b Approving (approval-2)",
        "c Waiting",
    ]
    assert "approval" not in shown
    assert shown["next"] == "dcanary approval approve run-7"
    single = run("Approving", approval="approval-1", targets=[status("a", "Approving")])
    assert run_commands.summary(single)["approval"] == "approval-1"


def test_a_watched_run_tells_each_change_of_its_targets_once() -> None:
    told: list[str] = []
    changes = Changes(told.append)
    changes.look(BOTH)
    changes.look(BOTH)
    changes.look(
        run(
            "Approving", targets=[status("a", "Rejected", "approval-1", "no"), *BOTH["targets"][1:]]
        )
    )
    assert told == [
        "run-7: Approving",
        "run-7: target a Approving (approval-1)",
        "run-7: target b Approving (approval-2)",
        "run-7: target a Rejected: no (approval-1)",
    ]


def referring(**changed: Any) -> Any:
    """A request whose argument holds an id and the text of one."""
    argument = encode_untyped(f'(principal "{CANISTER}", "at {CANISTER}.icp0.io")')
    raw, text = principal.from_text(CANISTER), CANISTER.encode()
    found = asked("b", mode={"Install": None}, argument=argument)
    found["request"] = {
        **found["request"],
        "install_references": [
            {"canister": "a", "offset": argument.index(raw), "textual": False},
            {"canister": "a", "offset": argument.index(text), "textual": True},
        ],
        "upgrade_references": None,
        "assets": None,
    }
    return found


def test_ids_in_an_argument_are_read_from_its_bytes_and_compared_with_their_targets() -> None:
    found = referring()
    installed: Any = Installed([], canisters={"a": CANISTER})
    assert references.lines(installed, found, found["order"]) == [
        f"argument: {CANISTER} is the canister of target a"
    ]
    installed.canisters = {"a": OTHER}
    (told,) = references.lines(installed, found, found["order"])
    assert told == f"WARNING: the argument holds {CANISTER} for target a, which is {OTHER} now"
    installed.canisters = {}
    (told,) = references.lines(installed, found, found["order"])
    assert told.endswith("which is without a canister now")


def test_the_releases_of_a_run_tell_whether_they_were_taken_back() -> None:
    """The run itself stays Succeeded, and hears nothing of it."""

    class Released(Installed):
        def get_release(self, name: str) -> Any:
            if name == "release-5":
                raise RejectedError(5, "canister is stopped", "IC0508", "get_release")
            state = "RolledBack" if name in ("release-3", "release-6") else "Succeeded"
            by = {"release-3": "release-4"}.get(name)
            return {"rolled_back_by": by, "state": {state: None}}

    def of(*names: str, state: str = "Released") -> Any:
        return run("Succeeded", targets=[{**status("a", state), "release": name} for name in names])

    system: Any = Released([])
    assert targets.taken_back(system, of("release-2", "release-3")) == {"release-3": "release-4"}
    assert targets.taken_back(system, of("release-3", state="Failed")) == {}
    assert targets.taken_back(system, of("release-5")) == {}
    # Version 0.1.0 took back within the release, and no other release names it.
    assert targets.taken_back(system, of("release-6")) == {"release-6": ""}
