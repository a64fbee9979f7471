"""Main and stable memories against a simple model."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcanary.replica.state import limits
from dcanary.replica.state.limits import WASM_PAGE
from dcanary.replica.vm.memory.mapped import MappedMemory, MemoryFactory
from dcanary.replica.vm.memory.scanners import FlagScanner, PageScanner
from dcanary.replica.vm.memory.stable import StableMemory
from tests.examples import examples

PAGES = 12

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("write"),
            st.integers(0, PAGES * WASM_PAGE - 9),
            st.binary(min_size=1, max_size=8),
        ),
        st.tuples(st.just("grow"), st.integers(0, 2), st.just(b"")),
        st.tuples(st.sampled_from(["commit", "rollback", "remap"]), st.just(0), st.just(b"")),
    ),
    max_size=25,
)


@pytest.fixture(scope="module", params=["mapped", "mapped by flags", "copied"])
def factory(request: pytest.FixtureRequest) -> Iterator[MemoryFactory]:
    scanners = (FlagScanner,) if request.param.endswith("flags") else (PageScanner,)
    made = MemoryFactory(request.param == "copied", scanners)
    if made.kind != request.param.partition(" ")[0]:
        made.close()
        pytest.skip("this kernel cannot list privately written pages that way")
    yield made
    made.close()


@settings(deadline=None, max_examples=examples(60))
@given(steps=STEPS)
def test_a_linear_memory_behaves_like_two_byte_strings(
    factory: MemoryFactory, steps: list[tuple[str, int, bytes]]
) -> None:
    memory = factory.make(PAGES * WASM_PAGE)
    try:
        memory.set_image_size(WASM_PAGE)
        memory.write_image(5, b"image")
        image = bytearray(WASM_PAGE)
        image[5:10] = b"image"
        view = bytearray(image)
        memory.map_view(0, WASM_PAGE)
        for kind, number, data in steps:
            if kind == "write" and number + len(data) <= memory.size:
                ctypes.memmove(memory.base + number, data, len(data))
                view[number : number + len(data)] = data
            elif kind == "grow":
                fits = len(view) + number * WASM_PAGE <= PAGES * WASM_PAGE
                assert memory.grow(len(view) + number * WASM_PAGE) is fits
                if fits:
                    view.extend(bytes(number * WASM_PAGE))
            elif kind == "commit":
                memory.commit()
                image = bytearray(view)
            elif kind in ("rollback", "remap"):
                reusable = memory.rollback() if kind == "rollback" else False
                assert kind == "remap" or reusable is (len(view) == len(image))
                if not reusable:
                    memory.unmap_view()
                    memory.map_view(0, WASM_PAGE)
                view = bytearray(image)
            assert memory.read_view(0, memory.size) == view
            assert memory.read_image(0, memory.committed_size) == image
            assert memory.view[: memory.size] == view
    finally:
        memory.close()


def test_commits_of_the_same_pages_and_of_many_pages_are_whole(factory: MemoryFactory) -> None:
    memory = factory.make(32 * WASM_PAGE)
    memory.set_image_size(16 * WASM_PAGE)
    memory.map_view(0, WASM_PAGE)
    for pages, size in ((3, 16), (3, 16), (100, 16), (200, 32), (3, 32)):
        memory.grow(size * WASM_PAGE)
        for value in range(3):
            for page in range(pages):
                memory.view[page * 8192 : page * 8192 + 3] = b"%02d." % (value + page % 50)
            memory.commit()
            for page in range(pages):
                assert memory.read_image(page * 8192, 3) == b"%02d." % (value + page % 50)
    assert memory.read_image(4096, 4096) == bytes(4096)
    memory.close()


def test_each_scanner_lists_all_private_pages_however_many_and_again(
    factory: MemoryFactory,
) -> None:
    memory = factory.make(40 * limits.MIB)
    arena = factory.arena
    try:
        memory.set_image_size(40 * limits.MIB)
        memory.map_view(0, WASM_PAGE)
        if arena is None:
            return  # pages are compared, not listed
        scan = arena.scanner.private_regions
        page = limits.OS_PAGE
        assert scan(memory.base, memory.size) == ()
        expected = []
        # The kernel is asked for 64, and for 1,024 at a time after that.
        for number in (1, 62, 1, 1, 958, 1, 1, 62, 1, 1, 2_500, 1, 100):
            for _ in range(number):
                start = memory.base + 2 * page * len(expected)
                ctypes.memset(start, 1, 1)
                expected.append((start, start + page))
            for _ in range(2):
                assert scan(memory.base, memory.size) == tuple(expected)
        assert scan(memory.base, 6 * page) == tuple(expected[:3])
        assert scan(memory.base, memory.size) == tuple(expected)
    finally:
        memory.close()


def test_a_view_that_is_gone_cannot_be_touched(factory: MemoryFactory) -> None:
    memory = factory.make(WASM_PAGE)
    memory.set_image_size(WASM_PAGE)
    memory.map_view(0, WASM_PAGE)
    memory.view[0:4] = b"here"
    memory.unmap_view()
    assert memory.view[0:4].tobytes() == b""
    memory.close()


def test_a_released_window_is_zero_for_its_next_owner() -> None:
    factory = MemoryFactory()
    first = factory.make(WASM_PAGE)
    first.set_image_size(WASM_PAGE)
    first.write_image(0, b"secret")
    first.close()
    second = factory.make(WASM_PAGE)
    second.set_image_size(WASM_PAGE)
    assert second.read_image(0, WASM_PAGE) == bytes(WASM_PAGE)
    second.close()
    factory.close()


def test_a_view_with_ever_more_dirty_pages_is_dropped_and_stays_right() -> None:
    factory = MemoryFactory()
    memory = factory.make(64 * WASM_PAGE)
    memory.set_image_size(64 * WASM_PAGE)
    memory.map_view(0, WASM_PAGE)
    for page in range(700):
        ctypes.memmove(memory.base + page * 4096, b"%06d" % page, 6)
        if page % 3 == 0:
            memory.commit()
    assert memory.rollback()
    for page in range(700):
        expected = b"%06d" % page if page < 700 else bytes(6)
        assert memory.read_view(page * 4096, 6) == expected
    if isinstance(memory, MappedMemory):
        for page in range(1024):
            ctypes.memmove(memory.base + page * 8192 % memory.size, b"dirty", 5)
        assert memory.rollback()
        assert memory.read_view(0, 6) == b"000000"
    memory.close()
    factory.close()


@settings(deadline=None, max_examples=examples(60))
@given(steps=STEPS)
def test_stable_memory_behaves_like_two_byte_strings(steps: list[tuple[str, int, bytes]]) -> None:
    memory = StableMemory()
    image, view = bytearray(), bytearray()
    for kind, number, data in steps:
        if kind == "write" and number + len(data) <= memory.size:
            memory.write(number, data)
            view[number : number + len(data)] = data
        elif kind == "grow":
            assert memory.grow(number) == len(view) // WASM_PAGE
            view.extend(bytes(number * WASM_PAGE))
        elif kind == "commit":
            memory.commit()
            image = bytearray(view)
        elif kind == "rollback":
            memory.rollback()
            view = bytearray(image)
        assert memory.content() == view
    memory.close()


def test_stable_memory_counts_freshly_dirty_pages() -> None:
    memory = StableMemory()
    memory.grow(1)
    assert memory.write(4090, b"across a page border") == 2
    assert memory.write(0, b"again") == 0
    memory.commit()
    assert memory.write(0, b"again") == 1


def test_stable_memory_ends_at_its_limit() -> None:
    memory = StableMemory()
    assert memory.grow(1 << 40) == -1
    assert memory.pages == 0
