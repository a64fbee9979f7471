"""A lock file is read back as it was written; a wrong one is refused with file and field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dcanary.image.errors import LockProblem
from dcanary.image.lock import (
    DebianPackage,
    Lock,
    NpmPackage,
    PypiPackage,
    format_lock,
    parse_lock,
    read_lock,
)
from dcanary.image.standard import standard_lock, standard_names, standard_spec

LOCK = Lock(
    architecture="amd64",
    suite="bookworm",
    releases={"debian bookworm": "20260711T101637Z"},
    debian=(
        DebianPackage("bash", "5.2-1+b1", "amd64", "debian", "pool/b/bash.deb", 7, "1" * 64),
        DebianPackage("tzdata", "2:3~a", "all", "debian-security", "pool/t.deb", 7, "2" * 64),
    ),
    npm=(NpmPackage("node_modules/@a/b", "@a/b", "1.2.3", 7, "3" * 64),),
    pypi=(PypiPackage("requests", "2.32.3", "requests-2.32.3-py3-none-any.whl", 7, "4" * 64),),
    links={"/usr/bin/cc": "gcc"},
    files={"/usr/bin/moc": "#!/bin/sh\nexec node\n"},
    environment={"CC": "gcc"},
    path=("/usr/bin", "/usr/lib/tool"),
    exclude=("/usr/share/doc",),
)


def value(**changes: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(format_lock(LOCK))
    found.update(changes)
    return found


def test_a_lock_is_read_as_it_was_written() -> None:
    text = format_lock(LOCK)
    read = parse_lock(text.encode(), "a.lock")
    assert read == LOCK
    assert read.digest == LOCK.digest
    assert sum('"name"' in line for line in text.splitlines()) == 4, "one package a line"


def test_the_digest_is_of_the_values_and_not_of_the_text() -> None:
    compact = json.dumps(value())
    assert parse_lock(compact.encode(), "a.lock").digest == LOCK.digest
    backwards = value(debian=value()["debian"][::-1])
    assert parse_lock(json.dumps(backwards).encode(), "a.lock").digest == LOCK.digest
    changed = value()
    changed["debian"][0]["sha256"] = "5" * 64
    assert parse_lock(json.dumps(changed).encode(), "a.lock").digest != LOCK.digest


def one(kind: str, **changes: object) -> dict[str, Any]:
    first = {**value()[kind][0], **changes}
    return value(**{kind: [{key: each for key, each in first.items() if each is not None}]})


@pytest.mark.parametrize(
    "wrong, field, said",
    [
        (value(version=2), "version", "2 is not supported: this DCanary reads version 1"),
        ({"architecture": "amd64"}, "version", "None is not supported"),
        (value(version="1"), "version", "'1' is not supported"),
        (value(architecture="riscv64"), "architecture", "is not one of amd64, arm64"),
        (value(surprise=1), "surprise", "is not known"),
        (value(debian={}), "debian", "is not a list"),
        (value(debian=[1]), r"debian\[0\]", "is not an object"),
        (one("debian", sha256=None), r"debian\[0\]", "has no sha256"),
        (one("debian", sha256="A" * 64), r"debian\[0\].sha256", "is not 64 hexadecimal digits"),
        (one("debian", size=-1), r"debian\[0\].size", "is not a number"),
        (one("debian", size=True), r"debian\[0\].size", "is not a number"),
        (one("debian", name="../x"), r"debian\[0\].name", "is not the name of a package"),
        (one("debian", version="1 2"), r"debian\[0\].version", "is not a version"),
        (one("debian", path="../x"), r"debian\[0\].path", "is not a plain relative path"),
        (one("debian", path="/x"), r"debian\[0\].path", "is not a plain relative path"),
        (one("debian", archive="http://x"), r"debian\[0\].archive", "is not one of debian"),
        (one("debian", architecture="arm64"), r"debian\[0\].architecture", "is not amd64"),
        (value(debian=value()["debian"][:1] * 2), "debian", "bash is there twice"),
        (one("npm", path="elsewhere/a"), r"npm\[0\].path", "is not below node_modules"),
        (one("npm", path="node_modules/../../a"), r"npm\[0\].path", "is not a plain relative"),
        (one("pypi", file="a.tar.gz"), r"pypi\[0\].file", "is not the name of a wheel"),
        (one("pypi", file="../a.whl"), r"pypi\[0\].file", "is not the name of a wheel"),
        (value(links={"usr/a": "b"}), "links.usr/a", "is not an absolute path"),
        (value(links={"/usr/a": 1}), "links./usr/a", "is not a text of one line"),
        (value(files={"/../a": "b"}), "files./../a", "is not an absolute path"),
        (value(environment={"A B": "c"}), "environment.A B", "is not the name of a variable"),
        (value(exclude=["/"]), r"exclude\[0\]", "is not an absolute path"),
        (value(path="x"), "path", "is not a list"),
        ([], "", "is not an object"),
    ],
)
def test_a_wrong_lock_is_refused_with_file_and_field(wrong: object, field: str, said: str) -> None:
    with pytest.raises(LockProblem, match=rf"^a.lock: {field}.*{said}"):
        parse_lock(json.dumps(wrong).encode(), "a.lock")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(LockProblem, match=r"^a.lock: is not JSON"):
        parse_lock(content, "a.lock")


def test_a_file_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(LockProblem, match=r"none.lock: cannot be read: No such file"):
        read_lock(tmp_path / "none.lock")


@pytest.mark.parametrize("name", standard_names())
def test_each_standard_lock_is_written_as_a_lock_is(name: str) -> None:
    path = standard_lock(name)
    assert path is not None and standard_spec(name) is not None
    lock = read_lock(path)
    assert format_lock(lock) == path.read_text()
    assert {"bash", "coreutils", "tar", "util-linux"} <= {each.name for each in lock.debian}
    assert "://" not in "".join(each.path for each in lock.debian)


def test_there_are_standard_images_and_other_names_are_none() -> None:
    assert {"azle", "base", "motoko", "node", "python", "rust"} <= set(standard_names())
    for name in ("nothing", "../standard_images/base", "", "base.lock"):
        assert standard_lock(name) is None
