"""Who started an executor learns which process it is and how far it has come."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dcanary.client.errors import NetworkError, RefusedError
from dcanary.executor import standing
from dcanary.executor.state import State, StateError
from tests.executor.chain import ExecutorsChain
from tests.executor.test_executor import Site, site, until

__all__ = ["site"]


def test_an_executor_says_when_its_first_offer_is_announced(site: Site) -> None:
    executor = site.executor()
    found = standing.owner(site.folder / "alice")
    assert found is not None
    assert (found.pid, found.phase) == (os.getpid(), "starting")
    executor.run_once()
    found = standing.owner(site.folder / "alice")
    assert found is not None
    assert found.phase == "announced"
    site.close(executor)
    assert standing.owner(site.folder / "alice") is None


class Denying(ExecutorsChain):
    """A canister that does not know the executor."""

    asked = 0
    answer: Exception = RefusedError("Denied", "alice is not a registered executor", "announce")

    def announce_offer(self, offer: Any) -> None:
        self.asked += 1
        raise self.answer


def test_an_executor_that_is_not_registered_says_so_once_and_asks_ever_less_often(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dcanary.executor.executor.DENIED_SECONDS", 0.02)
    chain = Denying(site.chain, "alice")
    executor = site.executor(chain=chain)
    until(lambda: chain.asked == 4, executor)
    assert len([line for line in site.lines if "not a registered executor" in line]) == 1
    assert executor.denied_pause == pytest.approx(0.02 * 2**4)
    found = standing.owner(site.folder / "alice")
    assert found is not None
    assert (found.phase, found.said) == ("denied", "alice is not a registered executor")


def test_a_network_that_does_not_answer_at_the_start_is_noted(site: Site) -> None:
    class Silent(Denying):
        answer = NetworkError("no answer")

    executor = site.executor(chain=Silent(site.chain, "alice"))
    noted: list[standing.Standing | None] = []

    def look() -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            noted[:] = [standing.owner(site.folder / "alice")]
            if noted[0] is not None and noted[0].phase != "starting":
                break
            time.sleep(0.02)
        executor.stop()

    threading.Thread(target=look).start()
    site.executors.remove(executor)
    executor.run_forever()
    (found,) = noted
    assert found is not None
    assert (found.phase, found.said) == ("troubled", "no answer")


def test_the_process_that_holds_a_folder_is_named(tmp_path: Path) -> None:
    state = State(tmp_path)
    standing.note(tmp_path, "announced")
    with pytest.raises(StateError, match=rf"another executor \(pid {os.getpid()}\) runs on"):
        State(tmp_path)
    state.close()


@pytest.mark.parametrize(
    "change", [{"pid": 2**22 + 1}, {"started": 1.0}, {"more": 1}, {"pid": "x"}]
)
def test_a_note_of_a_process_that_has_ended_names_nobody(
    tmp_path: Path, change: dict[str, object]
) -> None:
    standing.note(tmp_path, "announced")
    file = tmp_path / "standing.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert standing.owner(tmp_path) is None


def test_without_a_note_nobody_is_named(tmp_path: Path) -> None:
    assert standing.owner(tmp_path) is None
