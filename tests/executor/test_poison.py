"""Jobs, records and commits with which nobody can go on: set aside, and the executor goes on."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dcanary.client.types.build_executor import CommitmentInput, Work
from dcanary.executor.checkout.commit import read_commit
from dcanary.executor.executor import Executor
from dcanary.executor.state import State
from tests.executor.chain import ExecutorsChain, NativeChain
from tests.executor.repositories import git, source_record, stage_record
from tests.executor.test_executor import COPY, Site, site, until
from tests.executor.test_odd_commits import commit_of
from tests.executor.test_state import held, keep

__all__ = ["site"]
ODD_ENCODINGS = ("utf-7", "unicode_escape", "raw_unicode_escape", "idna", "punycode", "undefined")


def run_until(condition: Callable[[], Any], executor: Executor, site: Site) -> None:
    """Run an executor's loop, which must not end by itself, until the condition holds."""
    site.executors.remove(executor)
    thread = threading.Thread(target=executor.run_forever)
    thread.start()
    deadline = time.monotonic() + 60
    try:
        while not condition():
            assert thread.is_alive(), site.lines
            assert time.monotonic() < deadline, site.lines
            time.sleep(0.01)
    finally:
        executor.stop()
        thread.join()


@pytest.mark.parametrize("encoding", ODD_ENCODINGS)
@pytest.mark.parametrize("message", ["hi +2AA- there", r"\ud800", "\ud800", "plain"])
def test_what_a_commit_says_is_text_whatever_encoding_it_names(encoding: str, message: str) -> None:
    raw = b"author A <x> 1 +0\ncommitter A <x> 2 +0\nencoding %b\n\n%b\n"
    said = message.encode(errors="surrogatepass")
    found = read_commit(raw % (encoding.encode(), said))
    assert found.author == "A"
    assert found.message == said.decode(errors="replace")
    assert found.message.encode()


def test_a_line_of_blanks_for_an_author_takes_no_time() -> None:
    started = time.monotonic()
    assert read_commit(b"author " + b" " * (1 << 20) + b"x\n\nm").message == "m"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("encoding", ["utf-7", "idna"])
def test_a_commit_with_an_odd_encoding_is_built_and_agreed_on(site: Site, encoding: str) -> None:
    folder = site.folder / "repository"
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    who = "A <a@x> 1700000000 +0000"
    lines = (f"author {who}", f"committer {who}", f"encoding {encoding}")
    sha = commit_of(folder, tree, *lines, message="hi +2AA- there")
    site.chain.add_stage("run-1", stage_record(COPY, ["build/out"]), source_record(folder, sha))
    until(site.chain.stored, site.executor())
    assert site.verdict()["kind"] == {"Agreed": None}


def _poison(change: Callable[[dict[str, Any]], Any]) -> Callable[[str], str]:
    def changed(text: str) -> str:
        record = json.loads(text)
        change(record)
        return json.dumps(record)

    return changed


POISONS = {
    "garbled": lambda text: text[: len(text) // 2],
    "no record": lambda text: '"text"',
    "deep": lambda text: "[" * 100_000,
    "unknown phase": _poison(lambda record: record.update(phase="boiled")),
    "no number": _poison(lambda record: record.update(since="today")),
    "negative": _poison(lambda record: record.update(attempt=-1)),
    "surrogate": _poison(
        lambda record: record["attestation"].update(
            commit={"author": "A", "message": "hi \ud800 there"}
        )
    ),
}


@pytest.mark.parametrize("poison", POISONS)
def test_a_damaged_record_is_set_aside_and_the_executor_works(site: Site, poison: str) -> None:
    state = State(site.folder / "alice")
    for number in (1, 2):
        keep(state, held(number))
    state.close()
    first, _ = sorted((site.folder / "alice" / "jobs").glob("*/record.json"))
    first.write_text(POISONS[poison](first.read_text()))
    site.add(stage_record(COPY, ["build/out"]), "run-3")
    run_until(lambda: site.chain.stored("run-3"), site.executor(), site)
    broken = site.folder / "alice" / "broken" / first.parent.name
    assert (broken / "why.txt").read_text() == "its record cannot be read\n"
    assert not first.parent.exists()


def test_damaged_records_that_are_kept_for_a_person_are_few(tmp_path: Path) -> None:
    for number in range(40):
        place = tmp_path / "state" / "jobs" / f"torn-{number}"
        (place / "files").mkdir(parents=True)
        (place / "record.json").write_text("{")
    State(tmp_path / "state").close()
    broken = list((tmp_path / "state" / "broken").iterdir())
    assert 0 < len(broken) <= 16
    assert not any((each / "files").exists() for each in broken)


class Bewildered(ExecutorsChain):
    """A chain in which one call of one run raises what nobody expects."""

    def __init__(self, chain: NativeChain, call: str) -> None:
        super().__init__(chain, "alice")
        self.call, self.raised = call, 0

    def _raise(self, call: str, run: str) -> None:
        if call == self.call and run.startswith("run-1"):
            self.raised += 1
            raise RuntimeError("a step \ud800 of ours")

    def submit_commitment(self, commitment: CommitmentInput) -> None:
        self._raise("submit_commitment", commitment["job"])
        super().submit_commitment(commitment)

    def get_round(self, run: str, stage: str) -> Any:
        self._raise("get_round", run)
        return super().get_round(run, stage)

    def lease_work(self, request: Any) -> Work | None:
        work = super().lease_work(request)
        if self.call == "lease_work" and work is not None and "Build" in work:
            build = work["Build"]
            if build["run"] == "run-1":
                self.raised += 1
                # A runtime that this executor has never offered.
                return {"Build": {**build, "stage": {**build["stage"], "runtime": {}}}}  # type: ignore[typeddict-item]
        return work


@pytest.mark.parametrize("call", ["submit_commitment", "get_round", "lease_work"])
def test_a_step_that_fails_unexpectedly_ends_one_job_and_not_the_executor(
    site: Site, call: str
) -> None:
    site.add(stage_record(COPY, ["build/out"]), "run-1")
    chain = Bewildered(site.chain, call)
    executor = site.executor(chain=chain)

    def is_given_up() -> bool:
        return chain.raised > 0 and not any(
            "run-1" in file.read_text()
            for file in (site.folder / "alice" / "jobs").glob("*/record.json")
        )

    def both() -> bool:
        if is_given_up() and "run-2" not in added:
            added.append("run-2")
            site.add(stage_record(COPY, ["build/out"]), "run-2")
        return bool(added) and bool(site.chain.stored("run-2"))

    added: list[str] = []
    run_until(both, executor, site)
    assert any("internal error: " in line for line in site.lines), site.lines
    assert all(line.isascii() for line in site.lines)
    if call != "get_round":
        assert chain.raised == 1
        # It is an executor's answer that it cannot, for the run to tell.
        assert site.chain.calls.count("release_work") == 1


def test_an_unexpected_error_of_the_loop_itself_is_told_and_tried_again(site: Site) -> None:
    class Puzzled(ExecutorsChain):
        def has_work(self, request: Any) -> bool:
            raise RuntimeError("puzzled")

    executor = site.executor(chain=Puzzled(site.chain, "alice"))
    told = "internal error: RuntimeError('puzzled') (test_poison.py:"
    run_until(lambda: sum(told in line for line in site.lines) >= 2, executor, site)
    assert any("; trying again in " in line for line in site.lines)
