"""Hash trees (interface specification, section "Certification").

Nodes are immutable and know their digest, so trees share what did not change. A map from labels
is a tree of forks over labelled nodes in ascending order; every fork knows the least label on its
right, so that a path and the neighbours of an absent one are found in the tree's depth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

Tree = object
"""What CBOR encodes: [0], [1, l, r], [2, label, tree], [3, value] or [4, digest]."""


def _domain(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


_EMPTY = hashlib.sha256(_domain("ic-hashtree-empty")).digest()
_FORK = _domain("ic-hashtree-fork")
_LABELED = _domain("ic-hashtree-labeled")
_LEAF = _domain("ic-hashtree-leaf")


class Node:
    """A node with its digest (32 bytes)."""

    __slots__ = ("digest",)
    digest: bytes


class Empty(Node):
    """The map without labels."""

    __slots__ = ()

    def __init__(self) -> None:
        self.digest = _EMPTY


class Leaf(Node):
    """A value."""

    __slots__ = ("value",)

    def __init__(self, value: bytes) -> None:
        self.value = value
        self.digest = hashlib.sha256(_LEAF + value).digest()


class Labeled(Node):
    """A label with what is below it."""

    __slots__ = ("label", "sub")

    def __init__(self, label: bytes, sub: Node) -> None:
        self.label = label
        self.sub = sub
        self.digest = hashlib.sha256(_LABELED + label + sub.digest).digest()


class Fork(Node):
    """Two halves of a map. `split` is the least label of the right half."""

    __slots__ = ("first", "left", "right", "split")

    def __init__(self, left: MapNode, right: MapNode) -> None:
        self.left = left
        self.right = right
        self.first = first_label(left)
        self.split = first_label(right)
        self.digest = hashlib.sha256(_FORK + left.digest + right.digest).digest()


MapNode = Labeled | Fork
EMPTY = Empty()


def first_label(node: MapNode) -> bytes:
    """Least label of a map that is not empty."""
    return node.label if isinstance(node, Labeled) else node.first


def labeled_map(entries: Mapping[bytes, Node]) -> Node:
    """Balanced map of `entries`."""
    return balanced([Labeled(label, entries[label]) for label in sorted(entries)])


def balanced(nodes: Sequence[MapNode]) -> Node:
    """Balanced map of nodes that are in ascending order of their labels."""
    if not nodes:
        return EMPTY
    return _balanced(nodes, 0, len(nodes))


def _balanced(nodes: Sequence[MapNode], low: int, high: int) -> MapNode:
    if high - low == 1:
        return nodes[low]
    middle = (low + high) // 2
    return Fork(_balanced(nodes, low, middle), _balanced(nodes, middle, high))


def find(node: Node, label: bytes) -> Node | None:
    """What is below `label` in the map `node`, or None."""
    while isinstance(node, Fork):
        node = node.left if label < node.split else node.right
    return node.sub if isinstance(node, Labeled) and node.label == label else None


def lookup(node: Node, path: Iterable[bytes]) -> Node | None:
    """Node at `path`, or None."""
    current: Node | None = node
    for label in path:
        if current is None:
            return None
        current = find(current, label)
    return current


def _neighbours(node: Node, label: bytes) -> list[bytes]:
    """The labels next to an absent `label`, which prove its absence."""
    before: MapNode | None = None
    after: bytes | None = None
    while isinstance(node, Fork):
        if label < node.split:
            after, node = node.split, node.left
        else:
            before, node = node.left, node.right
    out = []
    if isinstance(node, Labeled):
        if node.label < label:
            before = node
        else:
            after = node.label
    if before is not None:
        while isinstance(before, Fork):
            before = before.right
        out.append(before.label)
    if after is not None:
        out.append(after)
    return out


class Wanted:
    """A set of paths to reveal, as a tree. `whole` reveals everything below."""

    __slots__ = ("children", "whole")

    def __init__(self) -> None:
        self.children: dict[bytes, Wanted] = {}
        self.whole = False

    @staticmethod
    def of(paths: Iterable[Sequence[bytes]]) -> Wanted:
        """The set of `paths`; each reveals the whole subtree at its end."""
        root = Wanted()
        for path in paths:
            here = root
            for label in path:
                here = here.children.setdefault(label, Wanted())
            here.whole = True
        return root


def witness(node: Node, wanted: Wanted) -> Tree:
    """The tree with everything pruned but `wanted`; absent paths are provably absent."""
    if wanted.whole:
        return full(node)
    if not isinstance(node, (Labeled, Fork)):
        # A leaf or an empty map on the way of a path shows that nothing is below.
        return full(node) if wanted.children else pruned(node)
    keep: dict[bytes, Wanted | None] = {}
    for label, below in wanted.children.items():
        if find(node, label) is not None:
            keep[label] = below
        else:
            for neighbour in _neighbours(node, label):
                keep.setdefault(neighbour, None)
    return _prune_map(node, sorted(keep), keep)


def _prune_map(node: MapNode, labels: Sequence[bytes], keep: Mapping[bytes, Wanted | None]) -> Tree:
    if not labels:
        return pruned(node)
    if isinstance(node, Labeled):
        below = keep[node.label]
        return [2, node.label, pruned(node.sub) if below is None else witness(node.sub, below)]
    return [
        1,
        _prune_map(node.left, [x for x in labels if x < node.split], keep),
        _prune_map(node.right, [x for x in labels if x >= node.split], keep),
    ]


def pruned(node: Node) -> Tree:
    """Only the digest (an empty map is shorter than its digest)."""
    return [0] if isinstance(node, Empty) else [4, node.digest]


def full(node: Node) -> Tree:
    """The whole tree, nothing pruned."""
    if isinstance(node, Fork):
        return [1, full(node.left), full(node.right)]
    if isinstance(node, Labeled):
        return [2, node.label, full(node.sub)]
    if isinstance(node, Leaf):
        return [3, node.value]
    return pruned(node)
