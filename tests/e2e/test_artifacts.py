"""What a run made, out of it again: listed, downloaded, compared, and over HTTP with its proof."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from dcanary.cli.operations import verify_response
from dcanary.client.certified_response import Exchange, check
from dcanary.client.errors import CertificateError
from dcanary.client.principal import from_text
from tests.e2e.pipelines import DECODE, counter_files, pipeline
from tests.e2e.world import World

LARGE = "for i in 1 2 3 4 5; do head -c 500000 /dev/zero | tr '\\0' $i; done > build/large.txt"
ARTIFACTS = ("build/counter.wasm", "build/large.txt", "site/")
COMMANDS = (DECODE, LARGE, "mkdir site; cp counter.b64 'site/a b.txt'")


@pytest.fixture(scope="module")
def runs(world: World) -> tuple[str, str]:
    """Two runs of a pipeline, of two versions of a module."""
    text = pipeline("files", COMMANDS, artifacts=ARTIFACTS, deploy=False, output="8MiB")
    files = {**counter_files("files"), "dcanary.yml": text}
    repository = world.add_repository("files", files, target=False)
    first = world.push(repository)
    assert world.end_of_run(first)["state"] == {"Succeeded": None}
    repository.commit(counter_files("files", step=2) | {"dcanary.yml": text})
    second = world.push(repository)
    assert world.end_of_run(second)["state"] == {"Succeeded": None}
    return first, second


def listed(world: World, run: str) -> list[dict[str, Any]]:
    done = world.run("--json", "artifact", "list", run)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def ask(world: World, url: str, method: str = "GET", **headers: str) -> httpx.Response:
    """By the loopback address: resolvers differ in what they make of names below localhost."""
    parts = httpx.URL(url)
    given = {"host": parts.netloc.decode(), **headers}
    return httpx.request(method, parts.copy_with(host="127.0.0.1"), headers=given, timeout=60)


def believe(
    world: World, answer: httpx.Response, status: int = 200, content: bytes | None = None
) -> None:
    """Check the answer's certificate by the network's root key; `content` is another body."""
    assert answer.status_code == status, answer.text
    exchange = Exchange(
        answer.request.method,
        answer.request.url.raw_path.decode(),
        answer.status_code,
        [(name.lower(), value) for name, value in answer.headers.multi_items()],
        hashlib.sha256(answer.content if content is None else content).digest(),
    )
    canister = from_text(world.canisters["build_executor"])
    check(exchange, canister, world.address.root_key, time.time_ns())


def test_files_are_downloaded_and_are_what_was_agreed(
    world: World, runs: tuple[str, str], tmp_path: Path
) -> None:
    done = world.run("artifact", "download", runs[0], "--into", str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = listed(world, runs[0])
    assert {row["path"] for row in rows} == {*ARTIFACTS[:2], "site/a b.txt"}
    for row in rows:
        content = (tmp_path / row["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
    again = world.run("artifact", "download", runs[1], "build/*.wasm", "--into", str(tmp_path))
    assert again.returncode == 2
    assert "--force" in again.stderr


def test_runs_and_folders_are_compared(world: World, runs: tuple[str, str], tmp_path: Path) -> None:
    done = world.run("artifact", "diff", *runs)
    assert done.returncode == 1
    assert "build/counter.wasm" in done.stdout
    assert "section" in done.stdout
    assert "build/large.txt" not in done.stdout
    assert world.run("artifact", "download", runs[0], "--into", str(tmp_path)).returncode == 0
    same = world.run("artifact", "diff", runs[0], str(tmp_path))
    assert same.returncode == 0, same.stderr
    (tmp_path / "build/large.txt").write_text("other")
    assert world.run("artifact", "diff", runs[0], str(tmp_path)).returncode == 1


def test_every_answer_over_http_is_certified(world: World, runs: tuple[str, str]) -> None:
    rows = listed(world, runs[0])
    for row in rows:
        answer = ask(world, row["url"])
        believe(world, answer)
        assert len(answer.content) == row["size"]
        assert hashlib.sha256(answer.content).hexdigest() == row["sha256"]
        assert answer.headers["etag"] == f'"{row["sha256"]}"'
        known = ask(world, row["url"], **{"if-none-match": answer.headers["etag"]})
        believe(world, known, 304)
        head = ask(world, row["url"], "HEAD")
        believe(world, head)
        assert head.headers["content-length"] == str(row["size"])
        believe(world, ask(world, row["url"], "DELETE"), 405)
        believe(world, ask(world, f"{row['url']}x"), 404)
        believe(world, ask(world, row["url"].replace(runs[0], "run-999")), 404)


def test_an_answer_that_was_changed_is_not_believed(world: World, runs: tuple[str, str]) -> None:
    rows = {row["path"]: row["url"] for row in listed(world, runs[0])}
    answer = ask(world, rows["build/counter.wasm"])
    answer.headers["content-type"] = "text/html"
    with pytest.raises(CertificateError, match="changed on the way"):
        believe(world, answer)
    other = ask(world, rows["build/large.txt"])
    with pytest.raises(CertificateError, match="changed on the way"):
        believe(world, other, content=b"other")


def test_the_command_verifies_an_address(world: World, runs: tuple[str, str]) -> None:
    row = listed(world, runs[1])[0]
    done = world.run("--json", "artifact", "verify", row["url"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sha256"] == row["sha256"]
    gone = world.run("artifact", "verify", f"{row['url']}x")
    assert gone.returncode == 1
    assert "no such file" in gone.stderr
    who = verify_response.canister_in(row["url"])
    with pytest.raises(CertificateError, match="not signed"):
        verify_response.verify(row["url"], who, world.address.root_key[:-1] + b"\0")
    with pytest.raises(CertificateError):
        verify_response.verify(row["url"], world.canisters["verification"], world.address.root_key)
