"""Detection as a whole: it never raises for what is in a folder."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dcanary.project import report
from dcanary.project.detect import detect
from dcanary.project.detectors.protocol import MAX_PROGRAMS
from dcanary.project.plan.choose import outlook
from tests.project.folders import COUNTER_MO, COUNTER_PY, found, notes, write

NAMES = [
    "dfx.json",
    "icp.yaml",
    "backend/canister.yaml",
    "mops.toml",
    "Cargo.toml",
    "crates/a/Cargo.toml",
    "package.json",
    "web/package.json",
    "src/main.mo",
    "src/lib.mo",
    "src/main.py",
    "index.html",
]
WORDS = [
    *("canisters", "name", "main", "type", "build", "source", "recipe", "package", "lib"),
    *("dependencies", "scripts", "workspace", "members", "configuration", "steps", "args"),
    *("motoko", "custom", "kybra", "assets", "backend", "../..", "src/main.mo", "a\0b", "\ud800"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)
PIECES = [
    *('import X "', "mo:", '";', "actor", "persistent ", "class", "(", ")", "{", "}", "/*", "//"),
    *("from kybra import query", "import ", "from . import x", "def f(", "\n", '"""', "[", "="),
    *("\t", "é", "'", "<<: *a", "&a ", "- ", ": "),
]
SOURCES = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
CONTENT = (
    st.binary(max_size=60)
    | VALUES.map(lambda value: json.dumps(value).encode())
    | SOURCES.map(str.encode)
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(NAMES), CONTENT, max_size=6))
def test_detection_never_raises_on_garbage(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        project = detect(Path(folder))
        outlook(project)
        # What is found can be printed and sent: text of files may hold half characters.
        json.dumps(report.values(project)).encode()
        "\n".join(report.lines(project)).encode()


def test_a_monorepo_shows_all_that_it_holds(tmp_path: Path) -> None:
    project = found(
        tmp_path,
        {
            ".git/HEAD": "ref: refs/heads/develop\n",
            "dfx.json": '{"canisters": {"a": {"main": "a.mo"}, "w": {"type": "assets",'
            ' "source": ["web/dist"], "dependencies": ["a"]}}}',
            "a.mo": COUNTER_MO,
            "web/package.json": '{"devDependencies": {"vite": "6"}}',
            "web/package-lock.json": "{}",
            "b/main.py": COUNTER_PY,
        },
    )
    assert project.branch == "develop"
    assert report.lines(project) == [
        "dfx.json:1: motoko canister a (a.mo)",
        "dfx.json:1: assets canister w (web/dist)",
        "web/package.json:1: npm package, 1 dependency, web/package-lock.json, with vite",
    ]


def test_a_folder_inside_a_repository_is_told(tmp_path: Path) -> None:
    write(tmp_path, {".git/HEAD": "ref: refs/heads/main\n", "part/index.html": ""})
    told = notes(detect(tmp_path / "part"))
    assert told == [
        f".:1: the repository begins above, in {tmp_path.name}: a pipeline runs in its root, so "
        "its commands would need other paths"
    ]
    assert notes(detect(tmp_path)) == []


def test_projects_below_the_root_are_said(tmp_path: Path) -> None:
    dfx = json.dumps({"canisters": {"a": {"main": "a.mo"}}})
    below = found(tmp_path / "one", {"tests/dfx.json": dfx, "example/dfx.json": dfx})
    assert [str(note).partition(" is not read")[0] for note in below.notes] == [
        "example/dfx.json:1:",
        "tests/dfx.json:1:",
    ]
    assert found(tmp_path / "two", {"dfx.json": dfx, "tests/dfx.json": dfx}).notes == ()


def test_the_address_of_a_module_is_no_path(tmp_path: Path) -> None:
    module = {"type": "custom", "wasm": "https://h.example/ledger.wasm.gz", "candid": "l.did"}
    project = found(tmp_path, {"dfx.json": json.dumps({"canisters": {"ledger": module}})})
    assert not any("https:" in line for line in report.lines(project))


def test_a_project_of_thousands_is_cut_and_said(tmp_path: Path) -> None:
    canisters = ", ".join(f'"c{n}": {{"main": "c.mo"}}' for n in range(5_000))
    entries = "".join(f"  - f{n}/*\n" for n in range(5_000))
    files = {"dfx.json": f'{{"canisters": {{{canisters}}}}}', "icp.yaml": f"canisters:\n{entries}"}
    begun = time.monotonic()
    project = found(tmp_path, files | {"c.mo": COUNTER_MO})
    assert time.monotonic() - begun < 60
    assert len(project.canisters) == MAX_PROGRAMS
    told = [one for one in notes(project) if "more than" in one]
    assert told == [
        f"{name}:1: more than {MAX_PROGRAMS} canisters: the others are not read" for name in files
    ]
