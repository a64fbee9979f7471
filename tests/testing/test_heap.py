"""What a snapshot of a canister's heap puts back."""

from collections import deque
from types import ModuleType
from typing import Any

import pytest

from dcanary.testing._heap import Heap


class Counter:
    def __init__(self) -> None:
        self.values = [0]


Counter.__module__ = "store"


def module(**variables: Any) -> Any:
    made = ModuleType("store")
    vars(made).update(variables)
    return made


@pytest.mark.parametrize("messages_before", [0, 1, 2], ids=["first", "second", "third"])
def test_a_snapshot_puts_back_what_changed_since_it_was_taken(messages_before: int) -> None:
    store = module(
        number=0,
        table={"a": [1]},
        nested=((1, 2), ({"in a tuple"},)),
        queue=deque([1]),
        raw=bytearray(b"x"),
        counter=Counter(),
    )
    heap = Heap([store])
    for number in range(messages_before):
        heap.snapshot()
        store.table[f"message {number}"] = [number]
        store.counter.values.append(number)
        store.latest = {"number": number}
    table = {name: list(values) for name, values in store.table.items()}
    values = list(store.counter.values)

    snapshot = heap.snapshot()
    for kept in store.table.values():
        kept.append("lost")
    store.table["b"] = []
    store.nested[1][0].add("lost")
    store.queue.append(2)
    store.raw.extend(b"y")
    store.counter.values.append("lost")
    store.counter.more = 1
    store.number = 1
    store.added = 1
    if messages_before:
        store.latest["number"] = "lost"
    snapshot.restore()

    assert store.table == table
    assert store.nested == ((1, 2), ({"in a tuple"},))
    assert store.queue == deque([1])
    assert store.raw == b"x"
    assert vars(store.counter) == {"values": values}
    assert store.number == 0
    assert not hasattr(store, "added")
    if messages_before:
        assert store.latest == {"number": messages_before - 1}


def test_a_list_replaced_by_an_equal_one_is_the_one_that_is_put_back() -> None:
    store = module(values=[1])
    heap = Heap([store])
    heap.snapshot()
    store.values = [1]
    snapshot = heap.snapshot()
    store.values.append(2)
    snapshot.restore()
    assert store.values == [1]


def test_the_variables_that_python_gives_a_module_are_not_followed() -> None:
    store = module(values=[1])
    store.__made__ = {"not": "followed"}
    snapshot = Heap([store]).snapshot()
    store.__made__["kept"] = True
    snapshot.restore()
    assert store.__made__ == {"not": "followed", "kept": True}
