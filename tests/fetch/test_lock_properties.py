"""Whatever is in a lock file, its reader tells of pins and problems and never fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcanary.fetch.bring import host_problems
from dcanary.fetch.locks.reader import json_document, json_lines
from dcanary.fetch.locks.reading import READERS, read_locks, reader_of
from dcanary.fetch.pinned import Target
from tests.fetch.test_locks import CARGO, INTEGRITY, MOPS, SHA256, UV, YARN, npm_lock, tarball
from tests.fetch.test_pnpm import V9

SAMPLES = {
    "package-lock.json": npm_lock({"": {}, "node_modules/a": tarball("a")}),
    "yarn.lock": YARN,
    "pnpm-lock.yaml": V9,
    "Cargo.lock": CARGO,
    "uv.lock": UV,
    "requirements.txt": f"# c\nsix==1 \\\n  --hash=sha256:{SHA256} ; x\n-r other.txt\n-e .\n",
    "mops.lock": MOPS,
    "urls.lock": f"{SHA256}  https://h/x  y\n",
}
NAMES = sorted(SAMPLES)

scraps = st.sampled_from(
    ['"', "\\", "\n", "{", "[", "]", "}", ":", "@", "#", "-", "=", " ", "\0", "\ud7ff", "é", "../"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(INTEGRITY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=8,
)


def test_every_kind_of_lock_has_a_sample() -> None:
    assert {reader_of(name) for name in NAMES} == set(READERS)


def check(name: str, content: bytes) -> None:
    found = read_locks({name: content, "other.txt": content}.get, [name], Target())
    for pin in found.pins:
        assert pin.digests and all(each.algorithm != "sha1" for each in pin.digests)
        assert pin.url == "" or pin.url.startswith("https://")
        assert not pin.path.startswith("/") and ".." not in pin.path.split("/")
    host_problems(found.pins, ["h"])
    for problem in found.problems:
        assert "\n" not in str(problem)
        assert problem.what and problem.remedy
        assert not problem.what.startswith("dcanary cannot read it")


@pytest.mark.parametrize("name", NAMES)
@given(content=st.binary(max_size=300))
def test_any_bytes(name: str, content: bytes) -> None:
    check(name, content)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_samples_with_parts_changed(name: str, data: st.DataObject) -> None:
    text = SAMPLES[name]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 30))
        text = text[:at] + data.draw(scraps | st.text(max_size=5)) + text[at + length :]
    check(name, text.encode(errors="replace"))


@given(
    entry=st.dictionaries(
        st.sampled_from(
            [
                "version",
                "resolved",
                "integrity",
                "link",
                "name",
                "os",
                "cpu",
                "optional",
                "inBundle",
            ]
        ),
        values,
    ),
    key=st.text(max_size=20),
)
def test_any_entry_of_npm(entry: dict[str, Any], key: str) -> None:
    lock = npm_lock({f"node_modules/{key}": entry})
    check("package-lock.json", lock.encode(errors="replace"))


@given(
    document=st.dictionaries(st.text(max_size=8), values, max_size=4),
    indent=st.sampled_from([None, 1]),
)
def test_the_lines_of_keys_are_those_of_the_text(
    document: dict[str, Any], indent: int | None
) -> None:
    text = json.dumps(document, indent=indent)
    read = json_document(text)
    lines = json_lines(text, 1)
    assert {key for key in lines if len(key) == 1} == {(key,) for key in read}
    for key, line in lines.items():
        if len(key) == 1:
            assert json.dumps(key[0]) in text.split("\n")[line - 1]
