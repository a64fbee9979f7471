"""The certified state tree of one subnet (interface specification, "The system state tree").

`StateTree` follows an engine: `refresh` looks at what can have changed since the last call and
replaces only those subtrees; `at` puts a time on top. A version once made never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..api import CanisterView, Engine, Ingress, Reject, Reply, RequestState, RequestStatus
from ..wire.request_id import uleb128
from .certificate import tagged_cbor
from .hash_tree import EMPTY, Labeled, Leaf, Node, labeled_map, lookup
from .keys import SubnetKeys
from .trie import delete, insert

_FINAL = frozenset({RequestState.REPLIED, RequestState.REJECTED, RequestState.DONE})


def request_status_node(status: RequestStatus) -> Node:
    """Subtree of /request_status/<id>."""
    entries: dict[bytes, Node] = {b"status": Leaf(status.state.value.encode())}
    if isinstance(status.result, Reply):
        entries[b"reply"] = Leaf(status.result.data)
    elif isinstance(status.result, Reject):
        entries[b"reject_code"] = Leaf(uleb128(status.result.code))
        entries[b"reject_message"] = Leaf(status.result.message.encode())
        entries[b"error_code"] = Leaf(status.result.error_code.encode())
    return labeled_map(entries)


def canister_node(view: CanisterView) -> Node:
    """Subtree of /canister/<id>."""
    metadata = {**view.private_metadata, **view.public_metadata}
    entries: dict[bytes, Node] = {
        b"certified_data": Leaf(view.certified_data),
        b"controllers": Leaf(tagged_cbor(list(view.controllers))),
        b"metadata": labeled_map({k.encode(): Leaf(v) for k, v in metadata.items()}),
    }
    if view.module_hash is not None:
        entries[b"module_hash"] = Leaf(view.module_hash)
    return labeled_map(entries)


@dataclass(frozen=True, slots=True)
class CertifiedState:
    """One version of the state tree."""

    time: int
    root: Node
    views: Mapping[bytes, CanisterView] = field(default_factory=dict)
    """The same canisters, with what not everybody may read marked as private."""

    def value(self, *path: bytes) -> bytes | None:
        """Value at a leaf, or None."""
        node = lookup(self.root, path)
        return node.value if isinstance(node, Leaf) else None


@dataclass(frozen=True, slots=True)
class _Shown:
    """What certificates are made of: all parts of one state, and the times at which it was."""

    top: Mapping[bytes, Node]
    views: Mapping[bytes, CanisterView]
    since: int
    until: int | None = None


class StateTree:
    """Keeps the hash tree of an engine's state.

    One thread calls `refresh`, `hold` and `reject`, at moments when the engine executes nothing;
    any thread may call the others.
    """

    def __init__(self, keys: SubnetKeys, subnet_type: str = "application") -> None:
        self._keys = keys
        self._type = subnet_type
        self._requests: Node = EMPTY
        self._known: dict[bytes, RequestStatus] = {}
        self._news: list[tuple[bytes, RequestStatus | None]] = []
        """What becomes known with the state that is being put together."""
        self._canisters: Node = EMPTY
        self._views: dict[bytes, CanisterView] = {}
        self._refused: dict[bytes, tuple[int, RequestStatus]] = {}
        self.ranges: list[list[bytes]] = []
        """Inclusive ranges of canister ids, as of the last `refresh`."""
        self._static: dict[bytes, Node] = {}
        self._changes = -1
        """Of canisters, up to which the views were read."""
        self._shown = _Shown({}, {}, 0)

    def refresh(self, engine: Engine) -> list[bytes]:
        """Follow the engine; returns the ids of requests that have now come to their end.

        All of it, always: a certificate that shows an answer must show the effects too.
        """
        finished = self._refresh_requests(engine)
        changes = engine.canister_changes()
        if changes != self._changes:
            self._changes = changes
            self._refresh_canisters(engine)
        self._assemble(engine)
        return finished

    def _assemble(self, engine: Engine) -> None:
        ranges = [[low, high] for low, high in engine.canister_ranges()]
        if ranges != self.ranges or not self._static:
            self.ranges = ranges
            self._static = self._subnet(ranges)
        top = {
            **self._static,
            b"request_status": self._requests,
            b"canister": self._canisters,
        }
        self._shown = _Shown(top, self._views, engine.now())
        # Only now: who has seen a status may look at the state for what it says.
        for request_id, status in self._news:
            if status is None:
                del self._known[request_id]
            else:
                self._known[request_id] = status
        self._news.clear()

    def hold(self, time_ns: int | None) -> None:
        """Certify no later time than this until the next `refresh`: a round after it begins.

        None when there is no round after all.
        """
        self._shown = replace(self._shown, until=time_ns)

    def at(self, time_ns: int) -> CertifiedState:
        """The state as of the last `refresh`, certified at `time_ns`, or at the nearest time at
        which the subnet had that state."""
        shown = self._shown  # read once: another thread may replace it
        time = max(time_ns, shown.since)
        if shown.until is not None:
            time = min(time, shown.until)
        root = labeled_map({**shown.top, b"time": Leaf(uleb128(time))})
        return CertifiedState(time, root, shown.views)

    def status(self, request_id: bytes) -> RequestStatus | None:
        """Status of a request as of the last `refresh`."""
        return self._known.get(request_id)

    def view(self, canister_id: bytes) -> CanisterView | None:
        """A canister as of the last `refresh`."""
        return self._shown.views.get(canister_id)

    def reject(self, message: Ingress, refusal: Reject) -> None:
        """Show a message that the engine refused as rejected, until it has expired."""
        status = RequestStatus(RequestState.REJECTED, refusal, message.sender, message.canister_id)
        self._refused[message.request_id] = (message.ingress_expiry, status)

    def _refresh_requests(self, engine: Engine) -> list[bytes]:
        now = engine.now()
        expired = [key for key, (until, _) in self._refused.items() if until < now]
        for old in expired:
            del self._refused[old]
        changed = {*engine.take_changed_requests(), *expired, *self._refused}
        finished = []
        for request_id in sorted(changed):
            status = engine.request_status(request_id)
            if status is None and request_id in self._refused:
                status = self._refused[request_id][1]
            before = self._known.get(request_id)
            if status == before:
                continue
            self._news.append((request_id, status))
            if status is None:
                self._requests = delete(self._requests, request_id)
                continue
            self._requests = insert(self._requests, request_id, request_status_node(status))
            if status.state in _FINAL and (before is None or before.state not in _FINAL):
                finished.append(request_id)
        return finished

    def _refresh_canisters(self, engine: Engine) -> None:
        views: dict[bytes, CanisterView] = {}
        for canister_id in engine.canister_ids():
            view = engine.canister(canister_id)
            if view is not None:
                views[canister_id] = view
        if views == self._views:
            return
        for gone in self._views.keys() - views.keys():
            self._canisters = delete(self._canisters, gone)
        for canister_id, view in views.items():
            if self._views.get(canister_id) != view:
                self._canisters = insert(self._canisters, canister_id, canister_node(view))
        self._views = views

    def _subnet(self, ranges: list[list[bytes]]) -> dict[bytes, Node]:
        keys = self._keys
        encoded = Leaf(tagged_cbor(ranges))
        node = labeled_map({b"public_key": Leaf(keys.node_key)})
        subnet = labeled_map(
            {
                b"public_key": Leaf(keys.root_key),
                b"type": Leaf(self._type.encode()),
                b"canister_ranges": encoded,
                b"node": Labeled(keys.node_id, node),
            }
        )
        first = min((low for low, _ in ranges), default=b"")
        return {
            b"subnet": Labeled(keys.subnet_id, subnet),
            b"canister_ranges": Labeled(keys.subnet_id, Labeled(first, encoded)),
        }
