"""Which stages' files are certified: a Merkle tree in a stable map, changed and proven in O(log n).

It is a binary Patricia trie over the bits of run ids (ascending, so that an absent run can be
proven absent); a leaf holds the digests of the run's stages. Node 0 only points to the root. A
tree in memory would be built again, at the cost of all runs, after each upgrade.
"""

from typing import TYPE_CHECKING

from canisters.build_executor.serving import hashtree
from canisters.build_executor.serving.hashtree import Node

if TYPE_CHECKING:
    from canisters.build_executor.records import CertifiedRecord, CertifiedStage
    from shared.base.records import Lookup

ROOT = 0


def bit_of(label: bytes, place: int) -> int:
    """A bit of a label. Behind its end follow zeros: run ids hold no NUL."""
    byte = place // 8
    return label[byte] >> (7 - place % 8) & 1 if byte < len(label) else 0


def first_difference(one: bytes, other: bytes) -> "int | None":
    """The first bit in which two labels differ, None for equal ones."""
    length = max(len(one), len(other))
    bits = int.from_bytes(one.ljust(length, b"\0"), "big") ^ int.from_bytes(
        other.ljust(length, b"\0"), "big"
    )
    return None if bits == 0 else length * 8 - bits.bit_length()


def _pointer(node: "CertifiedRecord", side: int) -> int:
    return node["right"] if side else node["left"]


def _is_leaf(node: "CertifiedRecord") -> bool:
    return node["run"] != ""


def _label(node: "CertifiedRecord") -> bytes:
    return node["run"].encode()


def _leaf_digest(run: str, stages: "list[CertifiedStage]") -> bytes:
    return hashtree.labeled_digest(run.encode(), hashtree.node_digest(_stages(stages, {})))


def _stages(stages: "list[CertifiedStage]", shown: "dict[bytes, Node]") -> Node:
    """The node of a run's stages: `shown` are those that are more than a digest."""
    digests = {each["name"].encode(): each["digest"] for each in stages}
    return _forks(digests, sorted(digests), shown)


def _forks(
    digests: "dict[bytes, bytes]", labels: "list[bytes]", shown: "dict[bytes, Node]"
) -> Node:
    if len(labels) > 1:
        middle = len(labels) // 2
        left = _forks(digests, labels[:middle], shown)
        right = _forks(digests, labels[middle:], shown)
        if left[0] == 4 and right[0] == 4:
            return (4, hashtree.fork_digest(left[1], right[1]))
        return (1, left, right)
    label = labels[0]
    if label in shown:
        return (2, label, shown[label])
    return (4, hashtree.labeled_digest(label, digests[label]))


class Shelf:
    """The certified stages of all runs."""

    def __init__(self, nodes: "Lookup[int, CertifiedRecord]") -> None:
        self._nodes = nodes

    def _node(self, number: int) -> "CertifiedRecord":
        node = self._nodes.get(number)
        if node is None:
            raise KeyError(f"node {number} of the certified files is gone: report this")
        return node

    def _way_to(self, label: bytes) -> "list[tuple[int, CertifiedRecord]]":
        """The nodes from the root to the leaf that shares the label's bits; [] for an empty map."""
        head = self._nodes.get(ROOT)
        if head is None:
            return []
        number = head["left"]
        way = [(number, self._node(number))]
        while not _is_leaf(way[-1][1]):
            node = way[-1][1]
            number = _pointer(node, bit_of(label, node["bit"]))
            way.append((number, self._node(number)))
        return way

    def root(self) -> "bytes | None":
        """The digest of the map of runs, None while it is empty."""
        head = self._nodes.get(ROOT)
        return None if head is None else head["left_digest"]

    def stages_of(self, run: str) -> "list[CertifiedStage]":
        """The certified stages of a run."""
        way = self._way_to(run.encode())
        return way[-1][1]["stages"] if way and way[-1][1]["run"] == run else []

    def put(self, run: str, stage: str, digest: bytes) -> bytes:
        """Certify the files of a stage; the new root. The same again changes nothing."""
        label = run.encode()
        way = self._way_to(label)
        difference = first_difference(_label(way[-1][1]), label) if way else 0
        if way and difference is None:
            number, leaf = way.pop()
            leaf["stages"] = [each for each in leaf["stages"] if each["name"] != stage]
            leaf["stages"].append({"name": stage, "digest": digest})
            self._nodes.insert(number, leaf)
            return self._point(way, number, _leaf_digest(run, leaf["stages"]), label)
        stages: list[CertifiedStage] = [{"name": stage, "digest": digest}]
        number = max(1, self._nodes.len())
        self._nodes.insert(number, self._record(0, (0, 0), (b"", b""), run, stages))
        below, place = _leaf_digest(run, stages), difference or 0
        if not way:
            return self._point([], number, below, label)
        above = [each for each in way if not _is_leaf(each[1]) and each[1]["bit"] < place]
        other, node = way[len(above)]
        pair = [(other, self._digest(node)), (number, below)]
        if not bit_of(label, place):
            pair.reverse()
        fork = number + 1
        digests = (pair[0][1], pair[1][1])
        made = self._record(place, (pair[0][0], pair[1][0]), digests, "", [])
        self._nodes.insert(fork, made)
        return self._point(above, fork, hashtree.fork_digest(*digests), label)

    def _digest(self, node: "CertifiedRecord") -> bytes:
        if _is_leaf(node):
            return _leaf_digest(node["run"], node["stages"])
        return hashtree.fork_digest(node["left_digest"], node["right_digest"])

    def _record(
        self,
        bit: int,
        pointers: "tuple[int, int]",
        digests: "tuple[bytes, bytes]",
        run: str,
        stages: "list[CertifiedStage]",
    ) -> "CertifiedRecord":
        return {
            "version": 1,
            "bit": bit,
            "left": pointers[0],
            "right": pointers[1],
            "left_digest": digests[0],
            "right_digest": digests[1],
            "run": run,
            "stages": stages,
        }

    def _point(
        self, above: "list[tuple[int, CertifiedRecord]]", number: int, below: bytes, label: bytes
    ) -> bytes:
        """Have the nodes on the way point to `number`, with the digest `below`; the new root."""
        for place, node in reversed(above):
            if bit_of(label, node["bit"]):
                node["right"], node["right_digest"] = number, below
            else:
                node["left"], node["left_digest"] = number, below
            self._nodes.insert(place, node)
            number, below = place, self._digest(node)
        self._nodes.insert(ROOT, self._record(0, (number, 0), (below, b""), "", []))
        return below

    # Witnesses

    def _edge(self, number: int, side: int) -> bytes:
        """The least (0) or the greatest (1) label below a node."""
        node = self._node(number)
        while not _is_leaf(node):
            node = self._node(_pointer(node, side))
        return _label(node)

    def _beside(self, label: bytes) -> "list[bytes]":
        """The label itself where a run has it, else its neighbours."""
        way = self._way_to(label)
        if not way:
            return []
        place = first_difference(_label(way[-1][1]), label)
        if place is None:
            return [label]
        above = [each for each in way if not _is_leaf(each[1]) and each[1]["bit"] < place]
        here = way[len(above)][0]
        right = bit_of(label, place)
        found = [self._edge(here, right)]
        # On the other side is the nearest branch that the way did not take in that direction.
        for _, node in reversed(above):
            if bit_of(label, node["bit"]) != right:
                found.append(self._edge(_pointer(node, right), 1 - right))
                break
        return found

    def witness(
        self, runs: "list[bytes]", stages: "list[bytes]", shown: "dict[bytes, Node]"
    ) -> "Node | None":
        """The node that shows the labels `runs`, each present or absent; None for an empty map.

        Below the first of them, which a run may have, it shows the labels `stages`; `shown` has
        the nodes of stages of which more than the digest is shown.
        """
        head = self._nodes.get(ROOT)
        if head is None:
            return None
        kept: dict[bytes, bool] = {}
        for label in runs:
            for each in self._beside(label):
                kept[each] = False
        if runs[0] in kept:
            kept[runs[0]] = True
        return self._witness(head["left"], sorted(kept), kept, stages, shown)

    def _witness(
        self,
        number: int,
        labels: "list[bytes]",
        kept: "dict[bytes, bool]",
        stages: "list[bytes]",
        shown: "dict[bytes, Node]",
    ) -> Node:
        node = self._node(number)
        if _is_leaf(node):
            label = _label(node)
            seen: dict[bytes, Node] = {}
            if kept[label]:
                digests = {each["name"].encode(): each["digest"] for each in node["stages"]}
                for wanted in stages:
                    for each in hashtree.beside(sorted(digests), wanted):
                        seen[each] = shown.get(each) or (4, digests[each])
            return (2, label, _stages(node["stages"], seen))
        sides = []
        for side in (0, 1):
            here = [each for each in labels if bit_of(each, node["bit"]) == side]
            if here:
                sides.append(self._witness(_pointer(node, side), here, kept, stages, shown))
            else:
                sides.append((4, node["right_digest"] if side else node["left_digest"]))
        return (1, sides[0], sides[1])
