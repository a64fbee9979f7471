"""Packages of mops come from canisters, by queries whose answers nobody has to believe."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest

from dcanary.candid import parse_interface
from dcanary.candid import principal as principals
from dcanary.download.model import NotThere, Weather, WrongBytes
from dcanary.download.registries import MOPS_CANISTER
from dcanary.fetch.bring import FetchFailed
from tests.fetch.conftest import Fetch
from tests.fetch.packages import sha256
from tests.registry import Registry, Request

STORAGE = principals.to_text(bytes([0, 0, 0, 0, 0, 0, 0, 7, 1, 1]))
FILES = {
    "core@1.0.0/mops.toml": b"[package]\nname = 'core'\n",
    "core@1.0.0/src/Large.mo": bytes(range(256)) * 20,
    "core@1.0.0/src/Empty.mo": b"",
}
CHUNK = 2_000
# More of the record than is asked for, as the registry has it.
INTERFACE = parse_interface(
    """
    type Details = record {
      publication: record { storage: principal; time: int; user: principal };
      downloadsTotal: nat; quality: record { hasReadme: bool }; deps: vec text;
    };
    service: {
      getPackageDetails: (text, text) -> (variant { ok: Details; err: text }) query;
      downloadChunk: (text, nat) -> (variant { ok: blob; err: text }) query;
    }
    """
)


class Mops:
    """The two canisters behind the HTTP interface of the Internet Computer."""

    def __init__(self, registry: Registry) -> None:
        self.files = dict(FILES)
        self.asked: list[tuple[str, list[Any]]] = []
        self.answer: Callable[[Request], bool] = lambda request: False
        self._lock = threading.Lock()
        for canister in (MOPS_CANISTER, STORAGE):
            registry.odd[f"/ic/api/v2/canister/{canister}/query"] = self._query

    def _query(self, request: Request) -> None:
        content = cbor2.loads(request.body)["content"]
        assert content["request_type"] == "query"
        assert content["sender"] == principals.ANONYMOUS
        method = INTERFACE.methods[content["method_name"]]
        values = method.arguments.decode(content["arg"])
        with self._lock:
            self.asked.append((content["method_name"], values))
        if self.answer(request):
            return
        arg = method.results.encode([self._value(method.name, values)])
        answer = {"status": "replied", "reply": {"arg": arg}}
        request.answer(200, cbor2.dumps(cbor2.CBORTag(55799, answer)))

    def _value(self, method: str, values: list[Any]) -> dict[str, Any]:
        if method == "getPackageDetails":
            if values != ["core", "1.0.0"]:
                return {"err": "Package not found"}
            publication = {"storage": STORAGE, "time": 1, "user": MOPS_CANISTER}
            quality = {"hasReadme": True}
            details = {"publication": publication, "downloadsTotal": 1, "quality": quality}
            return {"ok": details | {"deps": ["x"]}}
        path, index = values
        content = self.files.get(path)
        chunk = content[index * CHUNK : (index + 1) * CHUNK] if content is not None else b""
        return {"ok": chunk} if chunk else {"err": "Invalid chunk index"}


@pytest.fixture
def mops(registry: Registry) -> Mops:
    return Mops(registry)


def lock(files: dict[str, bytes] = FILES, package: str = "core@1.0.0") -> dict[str, str]:
    hashes = {package: {path: sha256(content) for path, content in files.items()}}
    name, _, version = package.partition("@")
    written = {"version": 3, "mopsTomlDepsHash": "", "deps": {name: version}, "hashes": hashes}
    return {"mops.lock": json.dumps(written, indent=1)}


def test_packages_lie_as_in_dot_mops(tmp_path: Path, mops: Mops, fetched: Fetch) -> None:
    made = fetched(lock(), tmp_path / "made")
    for path, content in FILES.items():
        assert (tmp_path / "made/mops" / path).read_bytes() == content
    assert len(made.manifest.entries) == 3
    assert [each for each in mops.asked if each[0] == "getPackageDetails"] == [
        ("getPackageDetails", ["core", "1.0.0"])
    ]
    mops.asked.clear()
    assert fetched(lock(), tmp_path / "again").manifest == made.manifest
    # An empty file is known without asking; all others are in the store.
    assert mops.asked == []


def test_other_bytes_are_refused_with_the_line(tmp_path: Path, mops: Mops, fetched: Fetch) -> None:
    mops.files["core@1.0.0/mops.toml"] = b"[package]\nname = 'evil'\n"
    with pytest.raises(FetchFailed, match=r"mops\.lock line 9") as caught:
        fetched(lock(), tmp_path / "made")
    assert [type(each) for each in caught.value.downloads] == [WrongBytes]


def test_what_the_registry_does_not_have_is_named(
    tmp_path: Path, mops: Mops, fetched: Fetch
) -> None:
    with pytest.raises(FetchFailed, match=r"mops has no package gone@1\.0\.0"):
        fetched(lock({"gone@1.0.0/x.mo": b"x"}, "gone@1.0.0"), tmp_path / "made")
    with pytest.raises(FetchFailed, match=r"mops has no file core@1\.0\.0/x\.mo") as caught:
        fetched(lock({"core@1.0.0/x.mo": b"x"}), tmp_path / "made")
    assert [type(each) for each in caught.value.downloads] == [NotThere]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"no cbor", "none of the Internet Computer"),
        (cbor2.dumps([]), "none of the Internet Computer"),
        (cbor2.dumps({"status": "replied", "reply": {"arg": b"DIDL"}}), "none of the Internet"),
        (cbor2.dumps({"status": "rejected", "reject_message": "busy"}), "was rejected: busy"),
    ],
)
def test_answers_that_make_no_sense_are_told(
    tmp_path: Path, mops: Mops, fetched: Fetch, answer: bytes, told: str
) -> None:
    def instead(request: Request) -> bool:
        request.answer(200, answer)
        return True

    mops.answer = instead
    with pytest.raises(FetchFailed, match=told):
        fetched(lock(), tmp_path / "made")


def test_a_network_that_fails_is_weather(tmp_path: Path, mops: Mops, fetched: Fetch) -> None:
    def instead(request: Request) -> bool:
        request.answer(503, b"")
        return True

    mops.answer = instead
    with pytest.raises(FetchFailed) as caught:
        fetched(lock(), tmp_path / "made")
    assert [type(each) for each in caught.value.downloads] == [Weather]
    # Asked again once, as the limits of this test say.
    assert len(mops.asked) == 2
