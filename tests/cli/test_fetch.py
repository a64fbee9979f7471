"""`dcanary fetch`: what it brings, what it says of locks that do not pin, and its exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcanary.cli.main import run
from dcanary.cli.operations.fetch import fetch_into, read_pins
from dcanary.client.errors import NetworkError
from dcanary.download.model import Limits
from dcanary.fetch.layout.folder import read_manifest
from dcanary.fetch.pinned import Target
from tests.fetch.packages import npm_package, sha256
from tests.fetch.test_layouts import npm_files
from tests.registry import Registry, fails, serve


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serve() as made:
        yield made


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own to work in, with a cache of its own and the registry as npm's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", f"{registry.url}/npm")
    made = tmp_path / "project"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)


def test_the_lock_files_of_the_folder_are_fetched(
    folder: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, npm_files(registry))
    assert run(["--json", "fetch", "--into", "made"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["packages"] == 2
    assert printed["digest"] == read_manifest(folder / "made").digest
    assert printed["environment"]["npm_config_cache"] == f"{folder}/made/npm"
    # A registry that a mirror stands for is named nowhere.
    for each in (folder / "made").rglob("*"):
        assert not each.is_file() or registry.url.encode() not in each.read_bytes()


def test_all_that_does_not_pin_is_told_with_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(
        folder,
        {
            "requirements.txt": "six\n",
            "urls.lock": f"{sha256(b'x')} https://elsewhere.example/x\n",
        },
    )
    assert run(["fetch", "--into", "made"]) == 2
    told = capsys.readouterr().err
    assert "requirements.txt line 1: six names no single version" in told
    assert "urls.lock line 1: x: elsewhere.example is not on the list of allowed hosts" in told
    assert not (folder / "made").exists()
    assert run(["--json", "fetch", "--allow", "elsewhere.example"]) == 2
    said = json.loads(capsys.readouterr().err)
    assert [each["file"] for each in said["problems"]] == ["requirements.txt"]


def test_check_downloads_nothing(
    folder: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, npm_files(registry))
    assert run(["fetch", "--check"]) == 0
    assert "package-lock.json line 1" in capsys.readouterr().out
    assert registry.seen == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "this folder has no lock file"),
        (["--lock", "none.lock"], "this is no lock file that is known"),
        (["--lock", "sub/Cargo.lock"], "there is no such file in the commit"),
        (["--lock", "../Cargo.lock"], "this is no path in the repository"),
        (["--lock", "urls.lock", "--allow", "https://x/"], "is no host"),
        (["--python", "2.7"], "write it as 3.11"),
        (["--machine", "vax"], "--machine"),
    ],
)
def test_what_is_typed_wrong_is_told_with_exit_code_2(
    folder: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "urls.lock" in arguments:
        write(folder, {"urls.lock": ""})
    assert run(["fetch", *arguments]) == 2
    assert told in " ".join(capsys.readouterr().err.split())


def test_a_link_that_leads_out_of_the_folder_is_not_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "secret").write_text("six\n")
    (folder / "requirements.txt").symlink_to(tmp_path / "secret")
    assert run(["fetch", "--lock", "requirements.txt"]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_wrong_bytes_are_told_with_the_line_that_pins(
    folder: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, npm_files(registry))
    registry.files["/npm/left/-/left-1.0.0.tgz"] = npm_package("left", "1.0.0", "evil()")
    assert run(["fetch", "--into", "made"]) == 2
    assert "is pinned by package-lock.json line 1" in " ".join(capsys.readouterr().err.split())
    assert not (folder / "made").exists()


def test_a_registry_that_fails_is_weather(folder: Path, registry: Registry) -> None:
    write(folder, npm_files(registry))
    registry.odd["/npm/left/-/left-1.0.0.tgz"] = fails(99, 503, b"")
    said: list[str] = []
    pins = read_pins(folder, ["package-lock.json"], [], Target())
    with pytest.raises(NetworkError, match="the server answers 503") as caught:
        fetch_into(pins, [], Target(), folder / "made", said.append, Limits(pauses=(0.01,)))
    assert "try again: what came is kept" in caught.value.hint
    assert "trying again in 0.01 s (1 of 1)" in said[0]
    del registry.odd["/npm/left/-/left-1.0.0.tgz"]
    registry.seen.clear()
    fetch_into(pins, [], Target(), folder / "made", said.append)
    assert registry.seen == ["/npm/left/-/left-1.0.0.tgz"]


@pytest.mark.parametrize("full", ["cache", "into"])
def test_a_full_disk_is_told_with_the_folder(folder: Path, registry: Registry, full: str) -> None:
    content = os.urandom(100_000)
    name = "answer-1.0-py3-none-any.whl"
    registry.files[f"/files/{name}"] = content
    page = f'<a href="/files/{name}#sha256={sha256(content)}">{name}</a>'
    registry.files["/simple/answer/"] = page.encode()
    write(folder, {"requirements.txt": f"answer==1.0 --hash=sha256:{sha256(content)}\n"})
    environment = os.environ | {"PIP_INDEX_URL": f"{registry.url}/simple"}
    arguments = ["fetch", "--into", "made"]
    command = [sys.executable, "-m", "dcanary", *arguments]
    if full == "into":
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
        shutil.rmtree(folder / "made")
    # As a full disk does, the limit on the size of files lets a write fail.
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)); "
        f"from dcanary.cli.main import run; sys.exit(run({arguments!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    told = " ".join(done.stderr.split())
    where = folder if full == "into" else folder.parent / "cache/dcanary/downloads/partial"
    assert f"no room on the disk of {where}" in told
    assert "Traceback" not in told
    assert [each.name for each in folder.iterdir()] == ["requirements.txt"]
    # With room it goes on.
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    assert (folder / "made/pypi" / name).read_bytes() == content


def test_a_folder_with_other_files_is_left_alone(
    folder: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, npm_files(registry))
    (folder / "made").mkdir()
    (folder / "made/mine").touch()
    assert run(["fetch", "--into", "made"]) == 2
    assert "has other files" in capsys.readouterr().err
