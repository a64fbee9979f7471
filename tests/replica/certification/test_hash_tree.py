"""Hash trees: digests, witnesses that prove presence and absence, and the trie's shape."""

from __future__ import annotations

from typing import Any

import cbor2
from hypothesis import given
from hypothesis import strategies as st

from dcanary.replica.certification.hash_tree import (
    EMPTY,
    Leaf,
    Node,
    Wanted,
    full,
    labeled_map,
    lookup,
    witness,
)
from dcanary.replica.certification.trie import delete, insert
from tests.replica.helpers import certificates

_labels = st.binary(min_size=1, max_size=4)
_tree: st.SearchStrategy[Any] = st.recursive(
    st.binary(max_size=5), lambda inner: st.dictionaries(_labels, inner, max_size=6), max_leaves=20
)


def build(content: Any) -> Node:
    if isinstance(content, bytes):
        return Leaf(content)
    return labeled_map({label: build(item) for label, item in content.items()})


def walk(content: Any, path: list[bytes]) -> Any:
    for label in path:
        if not isinstance(content, dict) or label not in content:
            return None
        content = content[label]
    return content


def test_the_check_itself_gives_the_published_root_of_the_specifications_example() -> None:
    # Interface specification, "Certification: Example". The other tests compare with this check.
    a = [1, [1, [2, b"x", [3, b"hello"]], [0]], [2, b"y", [3, b"world"]]]
    left = [1, [2, b"a", a], [2, b"b", [3, b"good"]]]
    tree = [1, left, [1, [2, b"c", [0]], [2, b"d", [3, b"morning"]]]]
    expected = "eb5c5b2195e62d996b84c9bcc8259d19a83786a2f59e0878cec84c811f669aa0"
    assert certificates.root_hash(tree).hex() == expected


@given(_tree, st.lists(st.lists(_labels, max_size=4), max_size=4))
def test_a_witness_keeps_the_root_and_answers_every_wanted_path(
    content: Any, paths: list[list[bytes]]
) -> None:
    tree = build(content)
    pruned = cbor2.loads(cbor2.dumps(witness(tree, Wanted.of(paths))))
    assert certificates.root_hash(pruned) == tree.digest
    for path in paths:
        expected = walk(content, path)
        found = certificates.lookup(pruned, *path)
        if isinstance(expected, bytes):
            assert found == expected
        elif expected is None:
            assert found is certificates.Absent
        else:
            assert certificates.root_hash(found) == build(expected).digest


@given(_tree)
def test_nothing_is_revealed_but_what_is_wanted(content: Any) -> None:
    tree = build({b"\x01open": b"\x01value", b"\x02hidden": content, b"\x03": b"secret"})
    pruned = witness(tree, Wanted.of([[b"\x01open"]]))
    assert certificates.lookup(pruned, b"\x01open") == b"\x01value"
    assert certificates.lookup(pruned, b"\x03") is certificates.Unknown
    assert b"secret" not in cbor2.dumps(pruned)


_steps = st.lists(
    st.tuples(st.booleans(), st.binary(min_size=2, max_size=2), st.binary(max_size=3)), max_size=60
)


@given(_steps)
def test_the_trie_holds_what_a_dictionary_would(steps: list[tuple[bool, bytes, bytes]]) -> None:
    node: Node = EMPTY
    model: dict[bytes, bytes] = {}
    for add, label, value in steps:
        if add:
            model[label] = value
            node = insert(node, label, Leaf(value))
        else:
            model.pop(label, None)
            node = delete(node, label)
    rebuilt: Node = EMPTY
    for label in sorted(model, reverse=True):
        rebuilt = insert(rebuilt, label, Leaf(model[label]))
    assert node.digest == rebuilt.digest, "the shape depends on the content alone"
    tree = full(node)
    for label in {label for _, label, _ in steps}:
        found = lookup(node, [label])
        assert (found.value if isinstance(found, Leaf) else None) == model.get(label)
        expected = model.get(label, certificates.Absent)
        assert certificates.lookup(tree, label) == expected
        assert certificates.lookup(witness(node, Wanted.of([[label]])), label) == expected


def test_an_old_version_of_a_trie_stays_valid() -> None:
    one = insert(EMPTY, b"aa", Leaf(b"1"))
    two = insert(one, b"ab", Leaf(b"2"))
    assert lookup(one, [b"ab"]) is None
    assert lookup(delete(two, b"aa"), [b"ab"]) is not None
    assert lookup(two, [b"aa"]) is not None


def test_a_trie_of_ten_thousand_stays_shallow() -> None:
    import hashlib

    node: Node = EMPTY
    for number in range(10_000):
        node = insert(node, hashlib.sha256(str(number).encode()).digest(), Leaf(b""))
    label = hashlib.sha256(b"77").digest()
    assert len(cbor2.dumps(witness(node, Wanted.of([[label]])))) < 3000
