"""One PocketIC instance: a subnet and the operations of /instances/<id>/."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.types import ASGIApp

from dcanary import not_yet
from dcanary.candid import principal

from ..api import HttpOutcall, Ingress, Reject, Reply, RequestState
from ..certification.keys import SubnetKeys
from ..engine import Options
from ..http.app import create_app, topology
from ..network.files import ENGINE_FOLDER
from ..network.outcalls import Outcalls
from ..node import Node
from ..opening import open_engine
from ..wire.authentication import MAX_INGRESS_TTL_NS
from ..wire.http_records import encode_outcall_result
from ..wire.request_id import hash_of_map
from .config import KIND_FILE, InstanceConfig
from .convert import (
    ApiError,
    bad,
    blob,
    from_base64,
    mapping,
    natural,
    reject_response,
    result,
    to_base64,
    unsupported,
)

Body = Mapping[str, object]
MAX_AWAIT_ROUNDS = 100


class Instance:
    """Operations take and give JSON values; they raise ApiError. They block: call them from a
    worker thread, one at a time (the node's own thread keeps their order)."""

    def __init__(
        self, config: InstanceConfig, blobs: Mapping[bytes, bytes], cache_dir: Path, version: str
    ) -> None:
        self.config = config
        self._blobs = blobs
        # The same kind of instance has the same ids and randomness every time, as in PocketIC.
        seed = hashlib.sha256(f"pocket-ic/{config.kind}".encode()).digest()
        self.keys = SubnetKeys(seed)
        folder = config.state_dir
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / KIND_FILE).write_text(config.kind + "\n")
        engine = open_engine(
            None if folder is None else folder / ENGINE_FOLDER,
            seed=self.keys.engine_seed,
            start_time_ns=time.time_ns() if config.auto_progress else config.time_ns,
            cache_dir=cache_dir,
            options=Options(subnet_id=self.keys.subnet_id, root_key=self.keys.root_key),
        )
        self.node = Node(engine, self.keys, live=False, subnet_type=config.subnet_type)
        self.app: ASGIApp = create_app(self.node, version)
        self._outcalls: Outcalls | None = None
        self._clock = engine.now()
        """What `set_time` set; it takes effect with the next round."""
        self._reads: dict[str, Callable[[Body], object]] = {
            "get_cycles": self._get_cycles,
            "get_controllers": self._get_controllers,
            "get_subnet": self._get_subnet,
            "pub_key": self._pub_key,
            "get_stable_memory": self._get_stable_memory,
            "ingress_status": self._ingress_status,
            "query": self._query,
        }
        self._updates: dict[str, Callable[[Body], object]] = {
            "submit_ingress_message": self._submit,
            "await_ingress_message": self._await,
            "tick": self._tick,
            "set_time": self._set_time,
            "set_certified_time": self._set_certified_time,
            "add_cycles": self._add_cycles,
            "set_stable_memory": self._set_stable_memory,
            "mock_canister_http": self._mock_http,
        }
        if config.auto_progress:
            self.auto_progress()

    # -- dispatch ----------------------------------------------------------------------------

    def get(self, name: str) -> object:
        """GET read/<name>."""
        if name == "get_time":
            return {"nanos_since_epoch": self.now()}
        if name == "topology":
            return self.topology()
        if name == "get_canister_http":
            return [self._outcall(o) for o in self.node.engine.http_outcalls()]
        raise unsupported(f"GET read/{name}")

    def post(self, room: str, name: str, body: Body) -> object:
        """POST read/<name> or update/<name>."""
        operations = self._reads if room == "read" else self._updates
        operation = operations.get(name)
        if operation is None:
            raise unsupported(f"POST {room}/{name}")
        return operation(body)

    def now(self) -> int:
        """The instance's clock. Queries and certificates show the time of the last round."""
        return max(self._clock, self.node.now())

    def topology(self) -> dict[str, object]:
        """The instance's one subnet."""
        return topology(self.node, self.config.kind)

    def auto_progress(self) -> None:
        """Follow the wall clock and perform outcalls. Raises ApiError (400) when it does."""
        if self._outcalls is not None:
            raise bad("auto progress mode has already been enabled")
        now = max(time.time_ns(), self._clock)

        def forward() -> None:
            if now > self.node.engine.now():
                self.node.engine.set_time(now)
            self.node.changed()

        self.node.job(forward).result()
        self._outcalls = Outcalls(self.node, allow_http_loopback=True)
        self.node.set_live(True)

    def is_auto_progress(self) -> bool:
        """Whether `auto_progress` is on."""
        return self._outcalls is not None

    def stop_progress(self) -> None:
        """Let time stand still again."""
        if self._outcalls is not None:
            self.node.set_live(False)
            self._outcalls.close()
            self._outcalls = None

    def close(self) -> None:
        """Stop the instance."""
        self.stop_progress()
        self.node.stop()

    # -- reading -----------------------------------------------------------------------------

    def _known(self, body: Body) -> bytes:
        canister_id = blob(body, "canister_id")
        if self.node.canister(canister_id) is None:
            raise bad(f"canister {principal.to_text(canister_id)} does not exist")
        return canister_id

    def _get_cycles(self, body: Body) -> object:
        canister_id = self._known(body)
        return {"cycles": self.node.job(lambda: self.node.engine.cycles(canister_id)).result()}

    def _get_controllers(self, body: Body) -> object:
        view = self.node.canister(self._known(body))
        assert view is not None
        return [{"principal_id": to_base64(controller)} for controller in view.controllers]

    def _get_subnet(self, body: Body) -> object:
        if self.node.canister(blob(body, "canister_id")) is None:
            return None
        return {"subnet_id": to_base64(self.keys.subnet_id)}

    def _pub_key(self, body: Body) -> object:
        if blob(body, "subnet_id") != self.keys.subnet_id:
            raise bad("this instance has no such subnet")
        return list(self.keys.root_key)

    def _get_stable_memory(self, body: Body) -> object:
        canister_id = self._known(body)
        content = self.node.job(lambda: self.node.engine.stable_memory(canister_id)).result()
        return {"blob": to_base64(content)}

    def _query(self, body: Body) -> object:
        sender, canister_id, method, arg = self._call(body)
        job = self.node.job(lambda: self.node.query_now(sender, canister_id, method, arg))
        return result(job.result(), certified=False)

    def _message_id(self, value: object) -> bytes:
        return from_base64(mapping(value, "raw_message_id").get("message_id"), "message_id")

    def _outcome(self, message_id: bytes) -> object:
        status = self.node.request_status(message_id)
        if status is None:
            raise bad("no message with this id is known")
        if status.result is not None:
            return result(status.result, certified=True)
        if status.state is RequestState.DONE:
            raise bad("the result of this message is no longer kept")
        return None

    def _ingress_status(self, body: Body) -> object:
        message_id = self._message_id(body.get("raw_message_id"))
        caller = body.get("raw_caller")
        status = self.node.request_status(message_id)
        if caller is not None and status is not None:
            who = blob(mapping(caller, "raw_caller"), "principal_id")
            if who != status.sender:
                raise ApiError(403, "The user tries to access Request ID not signed by the caller.")
        return self._outcome(message_id)

    # -- changing ----------------------------------------------------------------------------

    def _call(self, body: Body) -> tuple[bytes, bytes, str, bytes]:
        method = body.get("method")
        if not isinstance(method, str):
            raise bad("field `method` must be a text")
        if body.get("sender_info") is not None:
            raise unsupported("", not_yet.SENDER_INFO)
        return blob(body, "sender"), blob(body, "canister_id"), method, blob(body, "payload")

    def _submit(self, body: Body) -> object:
        sender, canister_id, method, arg = self._call(body)
        expiry = self.now() + MAX_INGRESS_TTL_NS
        content: dict[object, object] = {
            "request_type": "call",
            "sender": sender,
            "nonce": os.urandom(16),
            "ingress_expiry": expiry,
            "canister_id": canister_id,
            "method_name": method,
            "arg": arg,
        }
        message = Ingress(hash_of_map(content), sender, canister_id, method, arg, expiry)
        refusal = self.node.job(lambda: self.node.submit_now(message)).result()
        if refusal is not None:
            return {"Err": reject_response(refusal, certified=False)}
        return {
            "Ok": {
                "effective_principal": body.get("effective_principal", "None"),
                "message_id": to_base64(message.request_id),
            }
        }

    def _await(self, body: Body) -> object:
        message_id = self._message_id(body)
        for _ in range(MAX_AWAIT_ROUNDS):
            outcome = self._outcome(message_id)
            if outcome is not None:
                return outcome
            self._round()
        outcome = self._outcome(message_id)
        if outcome is None:
            raise bad(f"the message was not answered within {MAX_AWAIT_ROUNDS} rounds")
        return outcome

    def _tick(self, body: Body) -> object:
        if body.get("blockmakers"):
            raise unsupported("blockmakers in tick")
        self._round()
        return None

    def _round(self) -> None:
        """A round at the time that was set, if that is still to come; else 1 ns after the last."""

        def run() -> None:
            ahead = self._clock > self.node.engine.now()
            self.node.round(self._clock if ahead else None)

        self.node.job(run).result()

    def _set_time(self, body: Body) -> object:
        self._clock = self._not_past(body)
        return None

    def _set_certified_time(self, body: Body) -> object:
        """Also queries and certificates show this time, without a round."""
        time_ns = self._not_past(body)

        def change() -> None:
            self.node.engine.set_time(time_ns)
            self.node.changed()

        self.node.job(change).result()
        self._clock = time_ns
        return None

    def _not_past(self, body: Body) -> int:
        time_ns = natural(body, "nanos_since_epoch")
        if time_ns < self.now():
            raise bad(
                f"SettingTimeIntoPast: time cannot go back from {self.now()} to {time_ns} "
                "(nanoseconds since 1970)"
            )
        return time_ns

    def _add_cycles(self, body: Body) -> object:
        canister_id, amount = self._known(body), natural(body, "amount")
        engine = self.node.engine
        return {"cycles": self.node.job(lambda: engine.add_cycles(canister_id, amount)).result()}

    def _set_stable_memory(self, body: Body) -> object:
        canister_id, blob_id = self._known(body), blob(body, "blob_id")
        content = self._blobs.get(blob_id)
        if content is None:
            raise bad(f"the blob store has no blob {blob_id.hex()}")
        engine = self.node.engine
        try:
            self.node.job(lambda: engine.set_stable_memory(canister_id, content)).result()
        except ValueError as error:
            raise bad(str(error)) from error
        return None

    def _outcall(self, outcall: HttpOutcall) -> dict[str, object]:
        return {
            "subnet_id": {"subnet_id": to_base64(self.keys.subnet_id)},
            "request_id": outcall.request_id,
            "http_method": outcall.method.upper(),
            "url": outcall.url,
            "headers": [{"name": name, "value": value} for name, value in outcall.headers],
            "body": to_base64(outcall.body),
            "max_response_bytes": outcall.max_response_bytes,
        }

    def _mock_http(self, body: Body) -> object:
        if body.get("additional_responses"):
            raise bad("additional_responses must be empty: the subnet has one node")
        request_id = natural(body, "request_id")
        response = mapping(body.get("response"), "response")
        answer: Reply | Reject
        if "CanisterHttpReply" in response:
            reply = mapping(response["CanisterHttpReply"], "CanisterHttpReply")
            listed = reply.get("headers", [])
            if not isinstance(listed, list):
                raise bad("headers must be a list")
            pairs = [mapping(item, "header") for item in listed]
            headers = [(str(pair.get("name")), str(pair.get("value"))) for pair in pairs]
            answer = Reply(
                encode_outcall_result(natural(reply, "status"), headers, blob(reply, "body"))
            )
        elif "CanisterHttpReject" in response:
            reject = mapping(response["CanisterHttpReject"], "CanisterHttpReject")
            answer = Reject(
                natural(reject, "reject_code"), str(reject.get("message", "")), "IC0406"
            )
        else:
            raise bad("response must be CanisterHttpReply or CanisterHttpReject")
        try:
            self.node.answer_outcall(request_id, answer)
        except KeyError as error:
            raise bad(f"no pending canister HTTP request has the id {request_id}") from error
        return None
