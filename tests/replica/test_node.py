"""The node: order of work, waiting, time and failure."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from dcanary.replica.api import Ingress, Reply, RequestState
from dcanary.replica.certification.keys import SubnetKeys
from dcanary.replica.node import Node, NodeStopped
from tests.replica.helpers.memory_engine import MemoryCanister, MemoryEngine, canister_id

A = canister_id(0)


def message(number: int, method: str = "go") -> Ingress:
    return Ingress(number.to_bytes(32, "big"), b"\x04", A, method, b"", 2**63)


@pytest.fixture
def engine() -> MemoryEngine:
    engine = MemoryEngine()
    engine.canisters[A] = MemoryCanister(updates={"go": lambda sender, arg: Reply(b"done")})
    return engine


@pytest.fixture
def live(engine: MemoryEngine) -> Iterator[Node]:
    node = Node(engine, SubnetKeys(bytes(32)), live=True, subnet_type="application")
    yield node
    engine.release.set()
    node.stop()


@pytest.fixture
def still(engine: MemoryEngine) -> Iterator[Node]:
    node = Node(engine, SubnetKeys(bytes(32)), live=False, subnet_type="application")
    yield node
    node.stop()


def test_a_live_node_answers_many_at_once(live: Node) -> None:
    async def one(number: int) -> bytes:
        assert await live.submit(message(number)) is None
        status = await live.wait(message(number).request_id, 10)
        assert status is not None
        assert isinstance(status.result, Reply)
        return status.result.data

    async def everyone() -> list[bytes]:
        return await asyncio.gather(*(one(number) for number in range(300)))

    assert asyncio.run(everyone()) == [b"done"] * 300


@pytest.mark.parametrize("turns", range(5))
def test_waiting_is_cancelled_also_in_the_moment_of_the_answer(still: Node, turns: int) -> None:
    asked = message(1).request_id

    async def main() -> None:
        task = asyncio.create_task(still.wait(asked, 60))
        while asked not in still.waiters:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        still.waiters[asked][0].set_result(None)
        for _ in range(turns):
            await asyncio.sleep(0)
        # What has ended by now cannot be cancelled; anything else must be.
        asked_to_end = task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() == asked_to_end

    asyncio.run(main())


def test_waiting_ends_when_it_takes_too_long_and_leaves_nothing(live: Node) -> None:
    async def ask() -> None:
        assert await live.submit(message(1, "never")) is None
        assert await live.wait(message(1).request_id, 0.05) is None
        await live.ajob(lambda: None)

    asyncio.run(ask())
    assert live.waiters == {}


def test_a_still_node_runs_a_round_only_when_told(still: Node, engine: MemoryEngine) -> None:
    before = still.now()
    asyncio.run(still.submit(message(1)))
    time.sleep(0.1)
    status = still.request_status(message(1).request_id)
    assert status is not None
    assert status.state is RequestState.RECEIVED
    assert still.now() == before
    still.job(still.round).result()
    status = still.request_status(message(1).request_id)
    assert status is not None
    assert status.state is RequestState.REPLIED
    assert still.now() == before + 1


def test_certified_time_follows_the_wall_clock_and_never_goes_back(live: Node) -> None:
    times = []
    for number in range(50):
        times.append(live.state().time)
        asyncio.run(live.submit(message(number)))
    assert times == sorted(times)
    assert abs(times[-1] - time.time_ns()) < 10**9


def test_certified_time_is_not_behind_an_engine_that_is_ahead(engine: MemoryEngine) -> None:
    engine.time = time.time_ns() + 10**12
    node = Node(engine, SubnetKeys(bytes(32)), live=True, subnet_type="application")
    try:
        assert node.now() >= engine.time
        asyncio.run(node.submit(message(1)))
        asyncio.run(node.wait(message(1).request_id, 5))
        assert node.now() >= engine.time
    finally:
        node.stop()


def test_queries_follow_the_wall_clock_of_a_live_node_only(
    live: Node, engine: MemoryEngine
) -> None:
    assert engine.clock is not None
    assert abs(engine.clock() - time.time_ns()) < 10**9
    live.set_live(False)
    assert engine.clock is None
    live.set_live(True)
    assert engine.clock is not None


def test_jobs_run_one_at_a_time_in_order_of_arrival(live: Node) -> None:
    seen: list[int] = []
    threads = set()

    def job(number: int) -> None:
        threads.add(threading.get_ident())
        seen.append(number)

    futures = [live.job(lambda number=number: job(number)) for number in range(100)]  # type: ignore[misc]
    for future in futures:
        future.result()
    assert seen == list(range(100))
    assert len(threads) == 1


def test_a_job_that_fails_fails_alone(live: Node) -> None:
    def wrong() -> None:
        raise KeyError("wrong")

    with pytest.raises(KeyError):
        live.job(wrong).result()
    assert live.job(lambda: 5).result() == 5


def test_a_stopped_node_has_closed_its_engine_once(live: Node, engine: MemoryEngine) -> None:
    live.stop()
    live.stop()
    assert engine.closed == 1
    with pytest.raises(NodeStopped):
        live.job(lambda: None).result()


def test_an_engine_that_fails_in_a_round_stops_the_node(live: Node, engine: MemoryEngine) -> None:
    engine.broken = True
    asyncio.run(live.submit(message(1)))
    for _ in range(100):
        if live.failure is not None:
            break
        time.sleep(0.01)
    with pytest.raises(NodeStopped, match="the engine is broken"):
        live.job(lambda: None).result()


def test_a_still_node_whose_round_failed_takes_no_more_work(
    still: Node, engine: MemoryEngine
) -> None:
    engine.broken = True
    with pytest.raises(RuntimeError, match="broken"):
        still.job(still.round).result()
    with pytest.raises(NodeStopped, match="the engine is broken"):
        still.job(still.round).result()
