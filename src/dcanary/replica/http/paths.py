"""Which paths of the state tree a request may read (interface specification, "Read state")."""

from __future__ import annotations

from collections.abc import Sequence

from ..certification.state_tree import CertifiedState
from ..node import Node
from ..wire.envelope import ReadStateRequest
from ..wire.errors import RequestRefused, bad_request

Path = Sequence[bytes]


def _invalid() -> RequestRefused:
    # Clients compare this text.
    return RequestRefused(404, "Invalid path requested.")


def _check_request_status(node: Node, path: Path, sender: bytes) -> None:
    if len(path) < 2 or len(path[1]) != 32:
        raise _invalid()
    status = node.request_status(path[1])
    if status is not None and status.sender != sender:
        raise RequestRefused(403, "The user tries to access Request ID not signed by the caller.")


def _check_canister(state: CertifiedState, path: Path, sender: bytes, effective: bytes) -> None:
    if len(path) < 3 or path[1] != effective:
        raise _invalid()
    if path[2] in (b"module_hash", b"controllers") and len(path) == 3:
        return
    if path[2] != b"metadata" or len(path) != 4:
        raise _invalid()
    view = state.views.get(effective)
    name = path[3].decode(errors="replace")
    if view is not None and name in view.private_metadata and sender not in view.controllers:
        raise RequestRefused(
            403,
            f"Custom section {name[:100]} can only be requested by "
            "the controllers of the canister.",
        )


def check_canister_paths(
    node: Node, state: CertifiedState, request: ReadStateRequest, effective: bytes
) -> None:
    """Paths of /canister/<id>/read_state, to be read from `state`.

    Raises RequestRefused: 404 for paths that do not exist there, 403 for what the sender may not
    read, 400 when several request statuses are asked for.
    """
    ids = set()
    for path in request.paths:
        match path[0] if path else b"":
            case b"time" | b"subnet" | b"canister_ranges" | b"api_boundary_nodes":
                pass
            case b"request_status":
                _check_request_status(node, path, request.sender)
                ids.add(path[1])
            case b"canister":
                _check_canister(state, path, request.sender, effective)
            case _:
                raise _invalid()
    if len(ids) > 1:
        raise bad_request("Can only request a single request ID in request_status paths.")


def check_subnet_paths(request: ReadStateRequest) -> None:
    """Paths of /subnet/<id>/read_state. Raises RequestRefused (404) for others."""
    allowed = (b"time", b"subnet", b"canister_ranges", b"api_boundary_nodes")
    if any(not path or path[0] not in allowed for path in request.paths):
        raise _invalid()
