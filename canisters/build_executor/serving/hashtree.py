"""Hash trees of labels within labels, and the parts of them that prove one path. Plain Python.

A tree is a dict from labels to trees; a tree without labels is the leaf with no content, which is
all that certified HTTP responses end in. A node is what CBOR encodes of a hash tree: (1, left,
right), (2, label, node), (3, content) or (4, digest). Source: IC interface specification,
"Certification"; the order of the labels lets a witness prove that a path is absent.
"""

import hashlib
from typing import Any

Tree = dict[bytes, Any]
Node = tuple[Any, ...]

SELF_DESCRIBED = b"\xd9\xd9\xf7"
LEAF: Node = (3, b"")
_DOMAINS = {
    word: bytes([len(f"ic-hashtree-{word}")]) + f"ic-hashtree-{word}".encode()
    for word in ("fork", "labeled", "leaf")
}


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def fork_digest(left: bytes, right: bytes) -> bytes:
    return sha256(_DOMAINS["fork"] + left + right)


def labeled_digest(label: bytes, below: bytes) -> bytes:
    return sha256(_DOMAINS["labeled"] + label + below)


def node_digest(node: Node) -> bytes:
    """The digest that a node stands for."""
    if node[0] == 1:
        return fork_digest(node_digest(node[1]), node_digest(node[2]))
    if node[0] == 2:
        return labeled_digest(node[1], node_digest(node[2]))
    if node[0] == 3:
        return sha256(_DOMAINS["leaf"] + node[1])
    digest: bytes = node[1]
    return digest


def grow(tree: Tree, path: "list[bytes]") -> None:
    """Make a path in the tree, beside those that it has."""
    for label in path:
        tree = tree.setdefault(label, {})


def digest(tree: Tree) -> bytes:
    """The digest of a whole tree."""
    return node_digest(witness(tree, []))


def witness(tree: Tree, paths: "list[list[bytes]]") -> Node:
    """The node that shows `paths`, each present or provably absent, and of all else the digests."""
    if not tree:
        return LEAF
    labels = sorted(tree)
    shown: dict[bytes, list[list[bytes]]] = {}
    for path in paths:
        if path:
            for label in beside(labels, path[0]):
                shown.setdefault(label, [])
            if path[0] in tree:
                shown[path[0]].append(path[1:])
    return _balanced(tree, labels, shown)


def beside(labels: "list[bytes]", label: bytes) -> "list[bytes]":
    """The label itself where it is in the ascending `labels`, else its neighbours."""
    before = [each for each in labels if each < label]
    after = labels[len(before) :]
    if after and after[0] == label:
        return [label]
    return before[-1:] + after[:1]


def _balanced(tree: Tree, labels: "list[bytes]", shown: "dict[bytes, list[list[bytes]]]") -> Node:
    if len(labels) > 1:
        middle = len(labels) // 2
        left = _balanced(tree, labels[:middle], shown)
        right = _balanced(tree, labels[middle:], shown)
        if left[0] == 4 and right[0] == 4:
            return (4, fork_digest(left[1], right[1]))
        return (1, left, right)
    label = labels[0]
    if label not in shown:
        return (4, labeled_digest(label, digest(tree[label])))
    below = witness(tree[label], shown[label])
    return (2, label, below if shown[label] or not tree[label] else (4, node_digest(below)))


def encode(node: Node) -> bytes:
    """A node as CBOR."""
    parts = [_head(4, len(node)), _head(0, node[0])]
    for part in node[1:]:
        parts.append(_head(2, len(part)) + part if isinstance(part, bytes) else encode(part))
    return b"".join(parts)


def encode_texts(texts: "list[str]") -> bytes:
    """A list of texts as CBOR."""
    parts = [_head(4, len(texts))]
    for text in texts:
        content = text.encode()
        parts.append(_head(3, len(content)) + content)
    return b"".join(parts)


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    size = 1 if number < 0x100 else 2 if number < 0x10000 else 4
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26}[size]]) + number.to_bytes(size, "big")
