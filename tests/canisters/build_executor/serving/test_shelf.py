"""The tree of certified files: the same root as a plain tree, and proofs that verifiers believe."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canisters.build_executor.serving import hashtree
from canisters.build_executor.serving.shelf import Shelf
from dcanary.client.certificate import Unknown, lookup, root_hash
from tests.canisters.build_executor.helpers.memory import MemoryMap
from tests.examples import examples

NAMES = st.text("abrun-0129.", min_size=1, max_size=8)


def digest_of(run: str, stage: str) -> bytes:
    return hashlib.sha256(f"{run}/{stage}".encode()).digest()


def shelf_of(*entries: tuple[str, str]) -> Shelf:
    shelf = Shelf(MemoryMap())
    for run, stage in entries:
        shelf.put(run, stage, digest_of(run, stage))
    return shelf


def decoded(node: Any) -> Any:
    """A node as a client reads it."""
    return cbor2.loads(hashtree.encode(node))


def shown(shelf: Shelf, run: str, stage: str) -> Any:
    node = shelf.witness([run.encode()], [stage.encode()], {})
    assert node is not None
    return decoded(node)


def is_absent(tree: Any, *path: bytes) -> bool:
    """A path that is there ends in a digest, which `lookup` says is not known."""
    try:
        return lookup(tree, path) is None
    except Unknown:
        return False


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=30), st.tuples(NAMES, NAMES))
def test_every_witness_has_the_root_and_shows_what_is_and_what_is_not(
    entries: list[tuple[str, str]], other: tuple[str, str]
) -> None:
    shelf = shelf_of(*entries)
    root = shelf.root()
    for run, stage in [*entries, other]:
        tree = shown(shelf, run, stage)
        assert root_hash(tree) == root
        absent = is_absent(tree, run.encode(), stage.encode())
        assert absent == ((run, stage) not in entries)


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=20), st.randoms())
def test_the_root_depends_on_what_is_certified_and_not_on_the_order(
    entries: list[tuple[str, str]], random: Any
) -> None:
    shuffled = [*entries, *entries[:3]]
    random.shuffle(shuffled)
    assert shelf_of(*entries).root() == shelf_of(*shuffled).root()


def test_what_is_certified_anew_has_another_root() -> None:
    shelf = shelf_of(("run-1", "build"), ("run-2", "build"))
    before = shelf.root()
    after = shelf.put("run-1", "build", bytes(32))
    assert after == shelf.root() != before


def test_an_empty_shelf_shows_nothing() -> None:
    assert Shelf(MemoryMap()).root() is None
    assert Shelf(MemoryMap()).witness([b"run-1"], [], {}) is None
    assert Shelf(MemoryMap()).stages_of("run-1") == []


@pytest.mark.parametrize("total", [100, 2_000])
def test_the_cost_grows_with_the_logarithm_of_the_runs(total: int) -> None:
    nodes: MemoryMap[int, Any] = MemoryMap()
    shelf = Shelf(nodes)
    for number in range(1, total):
        shelf.put(f"run-{number}", "build", digest_of(f"run-{number}", "build"))
    nodes.operations = 0
    shelf.put(f"run-{total}", "build", bytes(32))
    assert nodes.operations <= 12 * math.log2(total)
    nodes.operations = 0
    shown(shelf, f"run-{total // 2}", "build")
    assert nodes.operations <= 12 * math.log2(total)
    assert nodes.scans == 0


LABELS = st.binary(min_size=1, max_size=3)
PATHS = st.lists(st.lists(LABELS, min_size=1, max_size=4), min_size=1, max_size=12)


@settings(max_examples=examples(200), deadline=None)
@given(PATHS, st.lists(LABELS, min_size=1, max_size=4))
def test_a_witness_of_a_plain_tree_shows_what_is_and_what_is_not(
    paths: list[list[bytes]], other: list[bytes]
) -> None:
    tree: hashtree.Tree = {}
    for path in paths:
        hashtree.grow(tree, path)
    for path in [*paths, other]:
        witness = decoded(hashtree.witness(tree, [path]))
        assert root_hash(witness) == hashtree.digest(tree)
        below: Any = tree
        for label in path:
            below = None if not below else below.get(label)
        if below == {}:
            assert lookup(witness, path) == b""
        elif below is not None or not ends_in_a_leaf(tree, path):
            assert is_absent(witness, *path) == (below is None)


def ends_in_a_leaf(tree: Any, path: list[bytes]) -> bool:
    """Whether a leaf is on the way, below which nothing is asked for in real trees."""
    for label in path:
        tree = tree.get(label)
        if not tree:
            return tree is not None
    return False


def test_long_texts_and_blobs_are_cbor() -> None:
    texts = ["a" * 23, "b" * 24, "c" * 300, "ü" * 40_000]
    assert cbor2.loads(hashtree.encode_texts(texts)) == texts
    assert decoded((3, bytes(70_000))) == [3, bytes(70_000)]
