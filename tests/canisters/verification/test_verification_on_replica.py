"""The compiled verification canister on the embedded replica: a round, an approval, an order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dcanary.testing.native import user_principal
from tests.canisters.deployment.replica_subnet import OWNER, ROOT, Subnet, open_subnet
from tests.canisters.installation import DOUBLES
from tests.canisters.verification.verification_samples import (
    APPROVED,
    approval_input,
    approver,
    commitment_record,
    executor,
    file,
    reveal_input,
    round_input,
)

pytestmark = pytest.mark.replica


@pytest.fixture
def subnet() -> Iterator[Subnet]:
    opened = open_subnet()
    yield opened
    opened.engine.close()


def test_a_round_with_a_dispute_and_an_approval_on_real_wasm(subnet: Subnet) -> None:
    main = ROOT / "canisters" / "verification" / "main.py"
    verification = subnet.deploy(main, "verification")
    # The doubles record what they are told; their callers' roles are played by users.
    build_executor = subnet.deploy(DOUBLES / "build_executor.py", "build_executor")
    deployment = subnet.deploy(DOUBLES / "deployment.py", "deployment")
    principal = type(OWNER)
    siblings = {
        "webhook": user_principal(91),
        "pipeline_config": user_principal(92),
        "build_executor": principal(build_executor),
        "verification": principal(verification),
        "deployment": principal(deployment),
    }
    assert subnet.call(verification, "wire", siblings) == {"Ok": None}
    caller = principal(build_executor)
    opening = round_input()
    opening["commit_until_ns"] = subnet.engine.now() + 600 * 1_000_000_000
    assert subnet.call(verification, "open_round", opening, sender=caller) == {"Ok": None}
    reveals = {number: reveal_input(number) for number in (1, 2)}
    reveals[3] = reveal_input(3, files=[file(content=b"other bytes")])
    for number, given in reveals.items():
        record = commitment_record(given, number)
        answer = subnet.call(verification, "record_commitment", record, sender=caller)
        assert answer == {"Ok": None}
    for number, given in reveals.items():
        answer = subnet.call(verification, "reveal", given, sender=executor(number))
        assert answer == {"Ok": None}
    subnet.rounds(5)
    (notice,) = subnet.query(build_executor, "received")
    assert notice["verdict"]["kind"] == {"Agreed": None}
    assert notice["verdict"]["disputes"][0]["differing"] == ["app.wasm"]

    asked = subnet.call(verification, "request_approval", approval_input(), sender=caller)
    assert asked == {"Ok": "approval-1"}
    digest = subnet.query(verification, "get_approval", "approval-1")["Ok"]["digest"]
    decision = {"approval": "approval-1", "digest": digest, "approve": True, "comment": ""}
    decided = subnet.call(verification, "decide_approval", decision, sender=approver(1))
    assert decided["Ok"]["state"] == {"Approved": None}
    subnet.rounds(5)
    (order,) = subnet.query(deployment, "received")
    assert order["sha256"] == APPROVED
    shown = subnet.query(verification, "get_approval", "approval-1")["Ok"]
    assert shown["state"] == {"Releasing": "release-1"}
    counted = dict(subnet.query(verification, "instructions"))
    print(counted)
    assert max(counted.values()) < 100_000_000
