"""What is downloaded is what was pinned, whatever the server and the network do."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dcanary.download.downloader import Downloader
from dcanary.download.hosts import Hosts
from dcanary.download.model import (
    Digest,
    DownloadsFailed,
    HostNotAllowed,
    Limits,
    NotThere,
    TooLarge,
    Wanted,
    Weather,
    WrongBytes,
)
from dcanary.download.partial import remove_old
from dcanary.objects import ObjectStore
from tests.registry import (
    Registry,
    Request,
    endless,
    fails,
    sends_on,
    serve,
    silent,
    trickles,
    truncated,
)

CONTENT = os.urandom(300_000)
QUICK = Limits(pauses=(0.01, 0.01), silence=20.0)


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serve() as made:
        made.files["/file"] = CONTENT
        yield made


class Here:
    """A downloader with a store, and what it said."""

    def __init__(self, folder: Path, trusted: list[str], limits: Limits = QUICK) -> None:
        self.said: list[str] = []
        self.folder = folder
        self.store = ObjectStore(folder / "objects", 1 << 30)
        self.downloader = Downloader(
            self.store,
            folder / "downloads",
            Hosts([], trusted),
            limits=limits,
            say=self.said.append,
        )

    def partial(self) -> list[Path]:
        return list((self.folder / "downloads" / "partial").iterdir())


@pytest.fixture
def here(tmp_path: Path, registry: Registry) -> Iterator[Here]:
    made = Here(tmp_path, [registry.url])
    with made.downloader:
        yield made


def pinned(content: bytes, algorithm: str = "sha256") -> Digest:
    return Digest(algorithm, hashlib.new(algorithm, content).hexdigest())


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_a_file_is_downloaded_once_and_then_found(
    here: Here, registry: Registry, algorithm: str
) -> None:
    wanted = Wanted(f"{registry.url}/file", pinned(CONTENT, algorithm))
    first = here.downloader.get(wanted)
    with here.store.open(first.digest) as file:
        assert file.read() == CONTENT
    # What lies there later is of no interest any more.
    registry.files["/file"] = b"other"
    assert here.downloader.get(wanted) == first
    assert registry.seen == ["/file"]
    assert here.partial() == []


def test_other_bytes_are_refused_and_not_kept(here: Here, registry: Registry) -> None:
    registry.files["/file"] = CONTENT[:-1] + b"!"
    with pytest.raises(WrongBytes, match=r"sha256:\w+ is pinned by a.lock line 3"):
        here.downloader.get(Wanted(f"{registry.url}/file", pinned(CONTENT), "a.lock line 3"))
    assert here.store.size() == 0
    assert here.partial() == []
    # No weather: it is not asked for again.
    assert registry.seen == ["/file"]


def test_a_poisoned_object_is_downloaded_again(here: Here, registry: Registry) -> None:
    wanted = Wanted(f"{registry.url}/file", pinned(CONTENT, "sha512"))
    kept = here.downloader.get(wanted)
    kept.path.chmod(0o644)
    kept.path.write_bytes(b"poison")
    assert here.downloader.get(wanted) == kept
    assert kept.path.read_bytes() == CONTENT
    assert any("changed after they were checked" in each for each in here.said)


def test_an_alias_that_leads_to_other_bytes_is_not_believed(here: Here, registry: Registry) -> None:
    registry.files["/old"] = b"an old version with a hole"
    old = here.downloader.get(Wanted(f"{registry.url}/old", pinned(registry.files["/old"])))
    wanted = Wanted(f"{registry.url}/file", pinned(CONTENT, "sha512"))
    alias = here.folder / "downloads/aliases/sha512" / wanted.digest.hex[:2] / wanted.digest.hex[2:]
    alias.parent.mkdir(parents=True)
    alias.write_text(old.digest)
    assert here.downloader.get(wanted).path.read_bytes() == CONTENT


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
@pytest.mark.timeout(30)
def test_what_is_no_file_in_the_folders_of_downloads_is_replaced(
    here: Here, registry: Registry, make: Callable[[Path], None]
) -> None:
    digest = pinned(CONTENT, "sha512")
    alias = here.folder / "downloads/aliases/sha512" / digest.hex[:2] / digest.hex[2:]
    partial = here.folder / f"downloads/partial/sha512-{digest.hex}"
    for place in (alias, partial):
        place.parent.mkdir(parents=True, exist_ok=True)
        make(place)
    remove_old(partial.parent)
    wanted = Wanted(f"{registry.url}/file", digest)
    kept = here.downloader.get(wanted)
    assert kept.path.read_bytes() == CONTENT
    kept.path.unlink()
    make(kept.path)
    assert here.downloader.get(wanted) == kept
    assert any("is no file" in each for each in here.said)


def test_servers_that_fail_are_asked_again_and_that_is_said(here: Here, registry: Registry) -> None:
    registry.odd["/file"] = fails(2, 503, CONTENT)
    here.downloader.get(Wanted(f"{registry.url}/file", pinned(CONTENT)))
    assert [each.partition(": ")[2] for each in here.said] == [
        "the server answers 503; trying again in 0.01 s (1 of 2)",
        "the server answers 503; trying again in 0.01 s (2 of 2)",
    ]


def test_weather_that_lasts_is_weather(here: Here, registry: Registry) -> None:
    registry.odd["/file"] = fails(9, 502, CONTENT)
    with pytest.raises(Weather, match="502"):
        here.downloader.get(Wanted(f"{registry.url}/file", pinned(CONTENT)))
    assert len(registry.seen) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_file_that_is_not_there_is_not_weather(
    here: Here, registry: Registry, status: int
) -> None:
    registry.odd["/file"] = fails(9, status, CONTENT)
    said = {404: "nothing is there", 410: "nothing is there"}.get(status, "refuses it")
    with pytest.raises(NotThere, match=rf"{said}.*lock again with a version") as caught:
        here.downloader.get(Wanted(f"{registry.url}/file", pinned(CONTENT)))
    assert str(status) in str(caught.value)
    assert len(registry.seen) == 1


def test_a_connection_that_ends_early_is_gone_on_with(here: Here, registry: Registry) -> None:
    registry.odd["/file"] = truncated(CONTENT, 200_000)
    here.downloader.get(Wanted(f"{registry.url}/file", pinned(CONTENT)))
    assert registry.ranges == ["", "bytes=200000-"]


def test_a_server_without_ranges_is_asked_from_the_start(here: Here, registry: Registry) -> None:
    registry.has_ranges = False
    registry.odd["/file"] = truncated(CONTENT, 200_000)
    here.downloader.get(Wanted(f"{registry.url}/file", pinned(CONTENT)))
    assert registry.ranges == ["", "bytes=200000-"]


@pytest.mark.parametrize("begun", [b"other bytes", b"x" * 400_000, CONTENT + b"x"])
def test_a_begun_file_of_other_bytes_costs_an_attempt_and_nothing_more(
    here: Here, registry: Registry, begun: bytes
) -> None:
    digest = pinned(CONTENT)
    (here.folder / "downloads/partial" / f"sha256-{digest.hex}").write_bytes(begun)
    here.downloader.get(Wanted(f"{registry.url}/file", digest))
    assert here.partial() == []


def test_a_begun_file_that_is_complete_needs_no_server(here: Here, registry: Registry) -> None:
    digest = pinned(CONTENT)
    (here.folder / "downloads/partial" / f"sha256-{digest.hex}").write_bytes(CONTENT)
    here.downloader.get(Wanted(f"{registry.url}/file", digest))
    assert registry.seen == []


def test_more_bytes_than_allowed_end_the_download(here: Here, registry: Registry) -> None:
    registry.odd["/endless"] = endless
    with pytest.raises(TooLarge, match="more than the 100000 bytes"):
        here.downloader.get(Wanted(f"{registry.url}/endless", pinned(CONTENT), max_bytes=100_000))
    with pytest.raises(TooLarge, match="300000 bytes, more than the 100000"):
        here.downloader.get(Wanted(f"{registry.url}/file", pinned(CONTENT), max_bytes=100_000))
    assert here.store.size() == 0


def test_all_files_together_are_bounded(tmp_path: Path, registry: Registry) -> None:
    wanted = []
    for number in range(10):
        registry.files[f"/{number}"] = bytes([number]) * 1000
        wanted.append(Wanted(f"{registry.url}/{number}", pinned(bytes([number]) * 1000)))
    here = Here(tmp_path, [registry.url], Limits(all_bytes=3_500, parallel=1))
    with here.downloader, pytest.raises(DownloadsFailed, match="more than 3500 bytes"):
        here.downloader.get_all(wanted)
    assert len(registry.seen) < 10


@pytest.mark.parametrize(
    ("answer", "limits", "told"),
    [
        (silent, Limits(silence=0.2, pauses=()), "connection failed"),
        (trickles, Limits(patience=0.2, pauses=()), "less than 1024 bytes a second"),
        (endless, Limits(total=0.2, pauses=()), "not complete after"),
    ],
)
def test_a_server_that_takes_too_long_is_weather(
    tmp_path: Path, registry: Registry, answer: Callable[[Request], None], limits: Limits, told: str
) -> None:
    registry.odd["/slow"] = answer
    here = Here(tmp_path, [registry.url], limits)
    wanted = Wanted(f"{registry.url}/slow", pinned(CONTENT), max_bytes=1 << 40)
    with here.downloader, pytest.raises(Weather, match=told):
        here.downloader.get(wanted)


def test_a_server_that_is_not_there_is_weather(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
    here = Here(tmp_path, [f"http://127.0.0.1:{port}"])
    with here.downloader, pytest.raises(Weather, match="does not answer"):
        here.downloader.get(Wanted(f"http://127.0.0.1:{port}/file", pinned(CONTENT)))


def test_redirects_are_followed_to_what_is_allowed_only(here: Here, registry: Registry) -> None:
    registry.odd["/moved"] = sends_on(f"{registry.url}/file")
    here.downloader.get(Wanted(f"{registry.url}/moved", pinned(CONTENT)))
    for place, told in [
        ("https://elsewhere.example/file", "elsewhere.example is not on the list"),
        ("http://169.254.169.254/latest", "http is not allowed"),
        ("file:///etc/passwd", "only https"),
        ("//elsewhere.example/file", "http is not allowed"),
    ]:
        registry.odd["/moved"] = sends_on(place)
        with pytest.raises(HostNotAllowed, match=told):
            here.downloader.get(Wanted(f"{registry.url}/moved", pinned(b"secret")))


def test_redirects_in_a_circle_end(here: Here, registry: Registry) -> None:
    registry.odd["/moved"] = sends_on("/moved")
    with pytest.raises(NotThere, match="redirects more than 5 times"):
        here.downloader.get(Wanted(f"{registry.url}/moved", pinned(CONTENT)))


def test_an_allowed_name_with_a_private_address_is_not_connected_to(
    tmp_path: Path, registry: Registry
) -> None:
    # What a name of an attacker's zone may point to; the port is that of a real server.
    store = ObjectStore(tmp_path / "objects", 1 << 30)
    hosts = Hosts([f"127.0.0.1:{registry.port}"])
    downloader = Downloader(store, tmp_path / "downloads", hosts, limits=QUICK)
    with downloader, pytest.raises(HostNotAllowed, match="no public address"):
        downloader.get(Wanted(f"https://127.0.0.1:{registry.port}/file", pinned(CONTENT)))
    assert registry.seen == []


def test_a_proxy_is_used_and_not_asked_for_private_addresses(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", registry.url)
    monkeypatch.setenv("https_proxy", registry.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    registry.files["http://mirror.invalid/file"] = CONTENT
    here = Here(tmp_path, ["http://mirror.invalid"])
    with here.downloader:
        here.downloader.get(Wanted("http://mirror.invalid/file", pinned(CONTENT)))
    hosts = Hosts(["10.0.0.1"])
    downloader = Downloader(here.store, tmp_path / "downloads", hosts, limits=QUICK)
    with downloader, pytest.raises(HostNotAllowed, match="no public address"):
        downloader.get(Wanted("https://10.0.0.1/file", pinned(b"other")))
    assert registry.seen == ["http://mirror.invalid/file"]


def test_the_login_of_a_registry_goes_to_it_and_into_no_message(
    tmp_path: Path, registry: Registry
) -> None:
    base = f"http://user:word@127.0.0.1:{registry.port}"
    here = Here(tmp_path, [base])
    with here.downloader:
        here.downloader.get(Wanted(f"{base}/file", pinned(CONTENT)))
        with pytest.raises(NotThere) as caught:
            here.downloader.get(Wanted(f"{base}/none", pinned(b"none")))
    assert registry.logins == ["Basic dXNlcjp3b3Jk"] * 2
    assert "word" not in str(caught.value)


def test_all_that_went_wrong_is_told_at_once_and_the_rest_is_kept(
    here: Here, registry: Registry
) -> None:
    registry.files["/wrong"] = b"wrong"
    wanted = [
        Wanted(f"{registry.url}/wrong", pinned(b"right")),
        Wanted(f"{registry.url}/none", pinned(b"none")),
        Wanted(f"{registry.url}/file", pinned(CONTENT)),
    ]
    with pytest.raises(DownloadsFailed) as caught:
        here.downloader.get_all(wanted)
    assert [type(each) for each in caught.value.problems] == [NotThere, WrongBytes]
    assert here.store.has(pinned(CONTENT).hex)


def test_many_files_come_in_parallel_and_no_more_at_once_than_allowed(
    tmp_path: Path, registry: Registry
) -> None:
    at_once, most, lock = [0], [0], threading.Lock()
    both = threading.Barrier(3)
    for number in range(12):
        content = f"file {number}".encode()

        def answer(request: Request, content: bytes = content) -> None:
            with lock:
                at_once[0] += 1
                most[0] = max(most[0], at_once[0])
            both.wait(30)
            with lock:
                at_once[0] -= 1
            request.answer(200, content)

        registry.odd[f"/{number}"] = answer
    here = Here(tmp_path, [registry.url], Limits(parallel=3, pauses=()))
    wanted = [
        Wanted(f"{registry.url}/{number}", pinned(f"file {number}".encode()))
        for number in range(12)
    ]
    with here.downloader:
        # The same bytes under another URL are not asked for twice.
        again = Wanted(f"{registry.url}/other", wanted[0].digest)
        found = here.downloader.get_all([*wanted, again])
    assert most[0] == 3
    assert found[again] == found[wanted[0]]
    assert len(registry.seen) == 12


KILLED = """
import sys, hashlib
from pathlib import Path
from dcanary.download.downloader import Downloader
from dcanary.download.hosts import Hosts
from dcanary.download.model import Digest, Wanted
from dcanary.download.partial import remove_old
from dcanary.objects import ObjectStore
folder, url, digest = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
Downloader(
    ObjectStore(folder / "objects", 1 << 30), folder / "downloads", Hosts([], [url])
).get(Wanted(url + "/file", Digest("sha512", digest)))
"""


def test_a_killed_download_goes_on_where_it_was(tmp_path: Path, registry: Registry) -> None:
    sent = threading.Event()

    def holds(request: Request) -> None:
        if request.headers.get("Range"):
            request.send_file(CONTENT)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(CONTENT)))
        request.end_headers()
        request.wfile.write(CONTENT[:100_000])
        sent.set()
        registry.stop.wait(60)

    registry.odd["/file"] = holds
    digest = pinned(CONTENT, "sha512")
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path), registry.url, digest.hex]
    )
    assert sent.wait(60)
    partial = tmp_path / "downloads/partial" / f"sha512-{digest.hex}"
    while not (partial.exists() and partial.stat().st_size == 100_000):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    here = Here(tmp_path, [registry.url])
    with here.downloader:
        here.downloader.get(Wanted(f"{registry.url}/file", digest))
    assert registry.ranges[-1] == "bytes=100000-"
    assert here.partial() == []
