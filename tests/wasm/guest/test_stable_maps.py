"""StableBTreeMap: a dict that lives in stable memory."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dcanary.testing.guest import Guest
from tests.examples import examples


class MapAgainstDict(RuleBasedStateMachine):
    """Two maps in one memory behave as two dicts, over upgrades."""

    @initialize(key_size=st.sampled_from([3, 40, 900]))
    def start(self, key_size: int) -> None:
        self.guest = Guest()
        self.key_size = key_size
        self.models: list[dict[str, bytes]] = [{}, {}]
        self.open()

    def open(self) -> None:
        kybra = self.guest.kybra
        self.maps = [
            self.guest.map(str, kybra.blob, memory_id=index, max_key=2_000) for index in (0, 1)
        ]

    def key(self, number: int) -> str:
        return f"{number:04d}".rjust(self.key_size, "k")

    def put(self, which: int, number: int, value: bytes) -> None:
        key = self.key(number)
        assert self.maps[which].insert(key, value) == self.models[which].get(key)
        self.models[which][key] = value

    @rule(
        which=st.integers(0, 1),
        number=st.integers(0, 300),
        size=st.one_of(st.integers(0, 40), st.integers(500, 520), st.integers(0, 9_000)),
    )
    def insert(self, which: int, number: int, size: int) -> None:
        self.put(which, number, bytes([number % 256]) * size)

    @rule(
        which=st.integers(0, 1),
        start=st.integers(0, 300),
        count=st.integers(1, 200),
        step=st.sampled_from([1, -1, 7]),
    )
    def insert_many(self, which: int, start: int, count: int, step: int) -> None:
        for index in range(count):
            self.put(which, (start + index * step) % 301, b"v" * (index % 50))

    @rule(which=st.integers(0, 1), number=st.integers(0, 300))
    def remove(self, which: int, number: int) -> None:
        key = self.key(number)
        assert self.maps[which].remove(key) == self.models[which].pop(key, None)

    @rule(which=st.integers(0, 1), start=st.integers(0, 300), count=st.integers(1, 200),
          step=st.sampled_from([1, -1, 7]))  # fmt: skip
    def remove_many(self, which: int, start: int, count: int, step: int) -> None:
        for index in range(count):
            self.remove(which, (start + index * step) % 301)

    @rule(which=st.integers(0, 1), number=st.integers(0, 310))
    def look_up(self, which: int, number: int) -> None:
        key = self.key(number)
        assert self.maps[which].get(key) == self.models[which].get(key)
        assert self.maps[which].contains_key(key) == (key in self.models[which])

    @rule()
    def upgrade(self) -> None:
        self.guest = self.guest.upgraded()
        self.open()

    @invariant()
    def same_entries(self) -> None:
        for stable_map, model in zip(
            getattr(self, "maps", []), getattr(self, "models", []), strict=True
        ):
            assert stable_map.len() == len(model)
            assert stable_map.items() == sorted(model.items())

    def teardown(self) -> None:
        if not hasattr(self, "maps"):
            return
        for which, model in enumerate(self.models):
            for key in list(model):
                assert self.maps[which].remove(key) == model[key]
            assert self.maps[which].is_empty()
            assert self.maps[which].keys() == []


TestMapAgainstDict = MapAgainstDict.TestCase
TestMapAgainstDict.settings = settings(
    max_examples=examples(40), stateful_step_count=25, deadline=None
)
