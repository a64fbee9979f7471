"""Real git against the forge: cloning, fetching, pushing, and what is refused."""

import asyncio
import gzip
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.forge import Forge, ForgeError
from dcanary.forge.backend import SERVICES, GitBackend, Refused, is_loopback, target_of
from dcanary.forge.layout import Layout
from dcanary.forge.names import is_repository_name
from dcanary.forge.sender import is_local_name
from tests.forge.conftest import WorkingCopy, run_git


def test_what_is_pushed_can_be_cloned(forge: Forge, copy: WorkingCopy, tmp_path: Path) -> None:
    copy.commit("Hello", "a/b.txt", "content")
    copy.push()
    run_git(tmp_path, "clone", "--quiet", forge.clone_url("demo"), "other")
    assert (tmp_path / "other" / "a" / "b.txt").read_text() == "content"


def test_a_push_of_many_megabytes_is_streamed(
    forge: Forge, copy: WorkingCopy, tmp_path: Path
) -> None:
    content = os.urandom(6_000_000)
    (copy.folder / "big.bin").write_bytes(content)
    copy.commit("Big")
    copy.push()
    run_git(tmp_path, "clone", "--quiet", forge.clone_url("demo"), "other")
    assert (tmp_path / "other" / "big.bin").read_bytes() == content


def test_a_single_commit_can_be_fetched_by_its_id_even_when_its_branch_was_rewritten(
    forge: Forge, copy: WorkingCopy, tmp_path: Path
) -> None:
    lost = copy.commit("Lost", content="lost")
    copy.push()
    copy.git("commit", "--quiet", "--amend", "-m", "Rewritten")
    copy.git("push", "--quiet", "--force", "origin", "HEAD:main")
    shallow = WorkingCopy(tmp_path / "shallow", forge.clone_url("demo"))
    shallow.git("fetch", "--quiet", "--depth=1", "origin", lost)
    shallow.git("checkout", "--quiet", "FETCH_HEAD")
    assert shallow.head() == lost


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_every_protocol_version_can_fetch(
    forge: Forge, copy: WorkingCopy, tmp_path: Path, version: str
) -> None:
    copy.commit()
    copy.push()
    configuration = f"protocol.version={version}"
    run_git(tmp_path, "-c", configuration, "clone", "--quiet", forge.clone_url("demo"), "other")
    assert (tmp_path / "other" / "a.txt").exists()


def test_a_compressed_request_is_understood(forge: Forge, copy: WorkingCopy) -> None:
    sha = copy.commit()
    copy.push()
    want = f"want {sha} no-progress\n".encode()
    body = b"%04x" % (len(want) + 4) + want + b"00000009done\n"
    url = forge.clone_url("demo") + "/git-upload-pack"
    headers = {"content-type": "application/x-git-upload-pack-request"}
    plain = httpx.post(url, headers=headers, content=body, trust_env=False)
    zipped = httpx.post(
        url,
        headers={**headers, "content-encoding": "gzip"},
        content=gzip.compress(body),
        trust_env=False,
    )
    assert plain.status_code == zipped.status_code == 200
    assert b"PACK" in plain.content
    assert zipped.content == plain.content


def test_an_unknown_repository_and_other_paths_are_not_served(
    forge: Forge, copy: WorkingCopy, tmp_path: Path
) -> None:
    copy.commit()
    copy.push()
    base = forge.clone_url("demo").removesuffix("/demo.git")
    for path, status in (
        ("/unknown.git/info/refs?service=git-upload-pack", 404),
        ("/demo.git/info/refs", 403),
        ("/demo.git/info/refs?service=git-receive-pack&x=1", 403),
        ("/demo.git/HEAD", 404),
        ("/demo.git/config", 404),
        ("/demo.git/objects/info/packs", 404),
        ("/demo.git/git-upload-pack", 405),
        ("/demo", 404),
        ("/%2e%2e/secrets/demo.json", 404),
        ("/..%2fsecrets.git/info/refs?service=git-upload-pack", 404),
        ("/demo.git/../../secrets/demo.json", 404),
    ):
        answer = raw_get(base, path)
        assert answer == status, path
    assert run_git(tmp_path, "clone", f"{base}/unknown.git", check=False).returncode != 0


def raw_get(base: str, path: str) -> int:
    """Status of a GET whose path no client library has tidied."""
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        return int(connection.makefile("rb").readline().split()[1])


def test_the_front_page_lists_the_repositories(forge: Forge, copy: WorkingCopy) -> None:
    url = forge.url()
    assert url is not None
    listed = httpx.get(url, trust_env=False).json()["repositories"]
    assert listed == [{"name": "demo", "clone_url": forge.clone_url("demo")}]


def test_a_broken_pack_moves_no_ref_and_makes_no_delivery(forge: Forge, copy: WorkingCopy) -> None:
    old, new, ref = "0" * 40, "1" * 40, "refs/heads/main"
    command = f"{old} {new} {ref}\0report-status".encode()
    body = b"%04x" % (len(command) + 4) + command + b"0000PACK\x00\x00\x00\x02\x00\x00\x00\x01junk"
    answer = httpx.post(
        forge.clone_url("demo") + "/git-receive-pack",
        headers={"content-type": "application/x-git-receive-pack-request"},
        content=body,
        trust_env=False,
    )
    assert b"unpack ok" not in answer.content
    assert run_git(forge.repository("demo").path, "for-each-ref").stdout == ""
    assert forge.deliveries("demo") == []


def test_a_client_that_goes_away_in_the_middle_leaves_the_forge_healthy(
    forge: Forge, copy: WorkingCopy
) -> None:
    base = forge.clone_url("demo")
    host, port = base.removeprefix("http://").split("/")[0].split(":")
    for _ in range(5):
        connection = socket.create_connection((host, int(port)), timeout=20)
        connection.sendall(
            b"POST /demo.git/git-receive-pack HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: application/x-git-receive-pack-request\r\n"
            b"Content-Length: 100000\r\n\r\nabc"
        )
        connection.close()
    copy.commit()
    copy.push()
    assert run_git(forge.repository("demo").path, "rev-parse", "main").stdout.strip() == copy.head()


def test_only_this_machine_may_push() -> None:
    for host in ("127.0.0.1", "127.8.8.8", "::1"):
        assert is_loopback(host)
    for host in ("10.0.0.1", "192.168.0.1", "2001:db8::1", "", "localhost", "unix:"):
        assert not is_loopback(host)


def test_a_push_from_another_machine_is_refused(forge: Forge, copy: WorkingCopy) -> None:
    sent: list[dict[str, Any]] = []
    bodies = [b"", b""]

    async def receive() -> dict[str, Any]:
        if not bodies:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": bodies.pop(), "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    root = forge.repository("demo").path.parents[1]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/demo.git/info/refs",
        "query_string": b"service=git-receive-pack",
        "headers": [],
        "client": ("192.0.2.7", 5555),
    }
    backend = GitBackend(Layout(root), lambda: None)
    asyncio.run(backend(scope, receive, send))
    assert sent[0]["status"] == 403
    sent.clear()
    asyncio.run(backend({**scope, "query_string": b"service=git-upload-pack"}, receive, send))
    assert sent[0]["status"] == 200


@given(
    st.sampled_from(["GET", "POST", "PUT"]),
    st.text("/.demgit-upacfsnrv%\\\0", max_size=40) | st.just("/demo.git/info/refs"),
    st.sampled_from(["", "service=git-upload-pack", "service=git-receive-pack", "service=x"]),
)
def test_a_request_reaches_git_only_by_one_of_four_ways(method: str, path: str, query: str) -> None:
    try:
        target = target_of(method, path, query)
    except Refused as refused:
        assert refused.status in (403, 404, 405)
        return
    assert target.service in SERVICES
    assert target.path in {f"/{target.repository}.git/{rest}" for rest in ("info/refs", *SERVICES)}


@given(st.text(max_size=20) | st.from_regex(r"[a-z0-9._/\\-]{0,20}", fullmatch=True))
def test_a_repository_name_is_one_plain_folder_name(name: str) -> None:
    if is_repository_name(name):
        assert Path("/root") / name == Path(f"/root/{name}")
        assert (Path("/root") / name).resolve() == Path(f"/root/{name}")
        assert len(Path(name).parts) == 1
        assert not name.startswith((".", "-"))


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../x", "/etc", "A", "-x", "a..b", "a.git", "a.lock", "a\n", "é"]
)
def test_other_names_are_refused(forge: Forge, name: str) -> None:
    with pytest.raises(ForgeError, match="no repository name"):
        forge.create_repository(name)
    with pytest.raises(ForgeError):
        forge.deliveries(name)


def test_a_name_is_taken_once_and_a_branch_must_be_one(forge: Forge) -> None:
    assert forge.create_repository("demo", "trunk").default_branch == "trunk"
    with pytest.raises(ForgeError, match="exists already"):
        forge.create_repository("demo")
    for branch in ("", "a b", "-x", "a..b", "refs/heads/../x"):
        with pytest.raises(ForgeError, match="no name of a branch"):
            forge.create_repository("other", branch)
    assert forge.repositories() == ["demo"]


def test_names_under_localhost_are_local() -> None:
    for host in ("localhost", "LOCALHOST", "a.localhost", "a.b.localhost."):
        assert is_local_name(host)
    for host in ("localhost.example.org", "notlocalhost", "127.0.0.1", ""):
        assert not is_local_name(host)


def test_the_users_git_configuration_and_hooks_have_no_effect(
    forge: Forge, copy: WorkingCopy
) -> None:
    copy.commit()
    done = subprocess.run(
        ["git", "push", "--quiet", "origin", "HEAD:main"],
        cwd=copy.folder,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listed = run_git(forge.repository("demo").path, "config", "--list", "--local").stdout
    assert "receive.fsckobjects=true" in listed
