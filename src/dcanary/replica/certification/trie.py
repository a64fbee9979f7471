"""A map of hash tree nodes whose labels have one length, changed in O(depth).

It is a binary Patricia trie over the labels' bits: every fork divides at the first bit in which
its labels differ, so labels stay in ascending order and the shape depends on the content alone.
Old versions stay valid (nodes are immutable).
"""

from __future__ import annotations

from .hash_tree import EMPTY, Fork, Labeled, MapNode, Node, first_label


def _common_bits(a: bytes, b: bytes) -> int:
    """How many leading bits two labels of one length share."""
    return len(a) * 8 - (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_length()


def _fork_bit(node: Fork) -> int:
    return _common_bits(node.first, node.split)


def insert(node: Node, label: bytes, sub: Node) -> Node:
    """The map with `label` bound to `sub`, new or replaced.

    Raises ValueError when `label` has another length than the labels of the map.
    """
    if not isinstance(node, (Labeled, Fork)):
        return Labeled(label, sub)
    if len(first_label(node)) != len(label):
        raise ValueError(f"labels of one trie must have one length, got {len(label)} bytes")
    return _insert(node, Labeled(label, sub))


def _insert(node: MapNode, new: Labeled) -> MapNode:
    shared = _common_bits(first_label(node), new.label)
    if isinstance(node, Labeled) and node.label == new.label:
        return new
    if isinstance(node, Labeled) or shared < _fork_bit(node):
        return Fork(new, node) if new.label < first_label(node) else Fork(node, new)
    if _common_bits(node.split, new.label) == _fork_bit(node):
        return Fork(_insert(node.left, new), node.right)
    return Fork(node.left, _insert(node.right, new))


def delete(node: Node, label: bytes) -> Node:
    """The map without `label`; the same map when it is not there."""
    if isinstance(node, Labeled):
        return EMPTY if node.label == label else node
    return _delete(node, label) if isinstance(node, Fork) else node


def _delete(node: Fork, label: bytes) -> MapNode:
    on_left = label < node.split
    side, other = (node.left, node.right) if on_left else (node.right, node.left)
    if isinstance(side, Labeled):
        return other if side.label == label else node
    changed = _delete(side, label)
    if changed is side:
        return node
    return Fork(changed, other) if on_left else Fork(other, changed)
