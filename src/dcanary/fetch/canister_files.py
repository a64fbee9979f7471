"""Files of mops packages, which lie in canisters of the Internet Computer: asked by queries.

Queries are not certified, and need not be: each file must have the sha256 that the lock pins.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import cbor2

from dcanary.candid import CandidError, parse_interface
from dcanary.candid import principal as principals
from dcanary.download.downloader import Downloader
from dcanary.download.model import (
    DownloadError,
    DownloadsFailed,
    NotThere,
    TooLarge,
    Wanted,
    Weather,
    WrongBytes,
)
from dcanary.download.registries import Registries
from dcanary.fetch.pinned import Pinned
from dcanary.objects import Object, ObjectStore

_PARALLEL = 8
_MAX_FILE_BYTES = 64 << 20
_MAX_ANSWER_BYTES = 4 << 20
_MAX_CHUNKS = 64
_EXPIRY_NS = 240 * 10**9
_SELF_DESCRIBED = 55799
First = TypeVar("First")
Second = TypeVar("Second")
Result = TypeVar("Result")
# The parts of the two canisters' interfaces that are used; the rest of the records is skipped.
_INTERFACE = parse_interface(
    """
    service: {
      getPackageDetails: (text, text) -> (
        variant { ok: record { publication: record { storage: principal } }; err: text }
      ) query;
      downloadChunk: (text, nat) -> (variant { ok: blob; err: text }) query;
    }
    """
)


def bring_canister_files(
    pins: Sequence[Pinned], store: ObjectStore, downloader: Downloader, registries: Registries
) -> dict[Pinned, Object]:
    """The files of mops packages, in the store. Raises DownloadsFailed, ObjectError and OSError."""
    found: dict[Pinned, Object] = {}
    for pin in pins:
        kept = downloader.find(Wanted(registries.mops, pin.digests[0]))
        if kept is not None:
            found[pin] = kept
    missing = [pin for pin in pins if pin not in found]
    registry = _Registry(downloader, registries)
    with ThreadPoolExecutor(_PARALLEL, "canister") as threads:
        storages = _all(threads, registry.storage, [(pin.name, pin.version) for pin in missing])
        contents = _all(
            threads, registry.file, [(storages[pin.name, pin.version], pin) for pin in missing]
        )
    for (_, pin), content in contents.items():
        found[pin] = store.put([content], sha256=pin.digests[0].hex, max_bytes=_MAX_FILE_BYTES)
    return found


def _all(
    threads: ThreadPoolExecutor,
    call: Callable[[First, Second], Result],
    given: list[tuple[First, Second]],
) -> dict[tuple[First, Second], Result]:
    """The result for each pair of arguments. Raises DownloadsFailed with all that went wrong."""
    started = {pair: threads.submit(call, *pair) for pair in dict.fromkeys(given)}
    found: dict[tuple[First, Second], Result] = {}
    problems: list[DownloadError] = []
    for pair, future in started.items():
        try:
            found[pair] = future.result()
        except DownloadError as error:
            problems.append(error)
    if problems:
        raise DownloadsFailed(sorted(problems, key=str))
    return found


class _Registry:
    """The canisters of mops on one network."""

    def __init__(self, downloader: Downloader, registries: Registries) -> None:
        self._downloader = downloader
        self._network, self._canister = registries.mops, registries.mops_canister

    def storage(self, name: str, version: str) -> str:
        """The canister that has the files of a package. Raises DownloadError."""
        answer = self._query(self._canister, "getPackageDetails", [name, version])
        if "err" in answer:
            raise NotThere(self._network, f"mops has no package {name}@{version}")
        return str(answer["ok"]["publication"]["storage"])

    def file(self, storage: str, pin: Pinned) -> bytes:
        """The content of a file, which has the pinned digest. Raises DownloadError."""
        content = b""
        for index in range(_MAX_CHUNKS):
            # An empty file has no chunks. Of others the digest says which is the last.
            if hashlib.sha256(content).hexdigest() == pin.digests[0].hex:
                return content
            answer = self._query(storage, "downloadChunk", [pin.path, index])
            if "err" in answer or not answer["ok"]:
                break
            content += answer["ok"]
            if len(content) > _MAX_FILE_BYTES:
                said = f"{pin.path} has more than the {_MAX_FILE_BYTES} bytes that are allowed"
                raise TooLarge(self._network, said, pin.where)
        if hashlib.sha256(content).hexdigest() == pin.digests[0].hex:
            return content
        if not content:
            said = f"mops has no file {pin.path}, pinned by {pin.where}"
            raise NotThere(self._network, said, pin.where)
        raise WrongBytes(
            self._network,
            f"the bytes of {pin.path} are not those pinned by {pin.where}: find out whether the "
            "package or the lock was changed before you lock again",
            pin.where,
        )

    def _query(self, canister: str, method: str, values: list[object]) -> dict[str, Any]:
        url = f"{self._network}api/v2/canister/{canister}/query"
        typed = _INTERFACE.methods[method]
        try:
            address = principals.from_text(canister)
        except ValueError as error:
            raise DownloadError(url, f"there is no such canister: {error}") from error
        content = {
            "request_type": "query",
            "canister_id": address,
            "method_name": method,
            "arg": typed.encode(values),
            "sender": principals.ANONYMOUS,
            "ingress_expiry": time.time_ns() + _EXPIRY_NS,
        }
        body = cbor2.dumps(cbor2.CBORTag(_SELF_DESCRIBED, {"content": content}))
        answer = self._downloader.ask(url, body, "application/cbor", _MAX_ANSWER_BYTES)
        try:
            replied = cbor2.loads(answer)
            if replied["status"] != "replied":
                message = str(replied.get("reject_message", ""))[:200]
                raise Weather(url, f"{method} was rejected: {message}")
            (value,) = typed.decode(replied["reply"]["arg"])
        except (cbor2.CBORDecodeError, CandidError, LookupError, TypeError, ValueError) as error:
            raise DownloadError(url, "the answer is none of the Internet Computer") from error
        assert isinstance(value, dict)
        return value
