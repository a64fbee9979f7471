"""Which pipeline a project gets, and what it leaves open."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.project.plan import whole
from dcanary.project.plan.choose import MAX_PARTS, NoChoice, choose, outlook
from dcanary.project.plan.fit import Fit, name_for
from shared.rules import limits
from tests.project.folders import COUNTER_MO, COUNTER_PY, found

CRATE = '[package]\nname = "app"\n'


def chosen(root: Path, files: dict[str, str], wanted: str | None = None) -> Fit:
    """The pipeline of a folder with these files."""
    project = found(root, files)
    return choose(project, outlook(project), wanted)


def refused(root: Path, files: dict[str, str], wanted: str | None = None) -> list[str]:
    """Why there is none: the message, and the reasons."""
    with pytest.raises(NoChoice) as caught:
        chosen(root, files, wanted)
    return [str(caught.value), *map(str, caught.value.reasons)]


def dfx(**canisters: str) -> dict[str, str]:
    """A dfx.json with these canisters, one a line from line 2."""
    return {
        "dfx.json": '{"canisters": {\n'
        + ",\n".join(f'"{name}": {about}' for name, about in canisters.items())
        + "\n}}"
    }


def test_the_only_canister_that_can_be_built_is_chosen_and_the_others_are_open(
    tmp_path: Path,
) -> None:
    files = dfx(
        app='{"main": "app.mo", "dependencies": ["engine"]}',
        engine='{"type": "rust", "package": "engine"}',
        site='{"type": "assets", "source": ["dist"]}',
    )
    fit = chosen(tmp_path, files | {"app.mo": COUNTER_MO})
    assert (fit.template, fit.values["name"], fit.values["main"]) == ("motoko", "app", "app.mo")
    assert [str(one) for one in fit.open] == [
        "dfx.json:2: it refers to engine, which this pipeline does not deploy: deploy those before "
        "and give their ids in an argument",
        "dfx.json:3: engine: there is no Cargo.toml",
        "dfx.json:4: site: no package.json builds its files: write deploy.assets by hand",
    ]


def test_several_that_can_be_built_are_one_pipeline_or_one_is_named(tmp_path: Path) -> None:
    files = dfx(
        a='{"main": "a.mo", "dependencies": ["b", "gone"]}', b='{"type": "kybra", "main": "b.py"}'
    )
    files |= {"a.mo": COUNTER_MO, "b.py": COUNTER_PY}
    both = chosen(tmp_path, files)
    assert [(name, part.template, part.after) for name, part in both.parts] == [
        ("a", "motoko", ("b",)),
        ("b", "kybra", ()),
    ]
    assert [str(one) for one in both.open] == [
        "dfx.json:2: a: refers to gone, which is not built here"
    ]
    fit = chosen(tmp_path, files, "b")
    assert (fit.template, fit.values["main"]) == ("kybra", "b.py")
    assert "a: left out" in str(fit.open[0])
    assert refused(tmp_path, files, "c") == ["there is no canister c: a, b"]


def test_canisters_that_refer_to_each_other_in_a_circle_get_no_order(tmp_path: Path) -> None:
    files = dfx(
        a='{"main": "a.mo", "dependencies": ["b"]}', b='{"main": "b.mo", "dependencies": ["a"]}'
    )
    both = chosen(tmp_path, files | {"a.mo": COUNTER_MO, "b.mo": COUNTER_MO})
    assert [part.after for _, part in both.parts] == [(), ()]
    assert "a -> b -> a: in a circle" in str(both.open[0])


def test_a_pipeline_has_a_bounded_number_of_canisters(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(MAX_PARTS + 2)]
    files = dfx(**dict.fromkeys(names, '{"main": "a.mo"}')) | {"a.mo": COUNTER_MO}
    many = chosen(tmp_path, files)
    assert len(many.parts) == MAX_PARTS
    left = [str(one) for one in many.open]
    assert [f"{name}: left out" in one for name, one in zip(names[-2:], left, strict=True)] == [
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {"src/main.mo": 'import B "mo:map/Map";\n' + COUNTER_MO},
            "src/main.mo:1: app: the package map is in no mops.toml: add it with `mops add map`",
        ),
        (
            {
                "src/main.mo": 'import B "mo:map/Map";\n' + COUNTER_MO,
                "mops.toml": '[dependencies]\nmap = "9.0.1"\n',
            },
            "mops.toml:2: app: the package map 9.0.1 (imported in src/main.mo:1) is pinned by no "
            "mops.lock",
        ),
        (
            {"src/main.mo": 'import B "canister:b";\n' + COUNTER_MO},
            "src/main.mo:1: app: imports of canister:b are not supported yet",
        ),
        (
            {"src/main.mo": 'import B "ic:aaaaa-aa";\n' + COUNTER_MO},
            "src/main.mo:1: app: imports of ic:aaaaa-aa are not supported yet",
        ),
        (
            {"src/main.mo": 'import B "./declarations/b";\n' + COUNTER_MO},
            "src/main.mo:1: app: imports ./declarations/b, which is not in the folder",
        ),
        (dfx(app='{"main": "gone.mo"}'), "dfx.json:2: app: its program gone.mo is not there"),
        (
            {"src/main.py": "import simple_db\n" + COUNTER_PY},
            "src/main.py:1: app: the module simple_db is not in the folder",
        ),
        (
            dfx(app='{"type": "azle"}'),
            "dfx.json:2: app: the package.json in the root does not depend on azle",
        ),
        (
            dfx(app='{"type": "azle"}') | {"package.json": '{"dependencies": {"azle": "0.33.0"}}'},
            "package.json:1: app: its packages are pinned by no package-lock.json",
        ),
        (
            {"package.json": '{"scripts": {"build": "vite"},\n"dependencies": {\n"vite": "6"}}'},
            "package.json:1: its packages are pinned by no package-lock.json: make it with `npm "
            "install --package-lock-only`",
        ),
        (
            {
                "package.json": '{"scripts": {"build": "vite"}, "dependencies": {"vite": "6"}}',
                "yarn.lock": "# yarn\n\n__metadata:\n  version: 8\n",
            },
            "package.json:1: its packages are pinned by yarn.lock of Yarn 2 or later: lock with "
            "npm or pnpm or Yarn 1",
        ),
        (
            {
                "package.json": '{"scripts": {"build": "vite"}, "dependencies": {"vite": "6"}}',
                "pnpm-lock.yaml": "lockfileVersion: '6.0'\n",
            },
            "package.json:1: its packages are pinned by pnpm-lock.yaml of pnpm 8 or earlier "
            "(lockfileVersion 6.0): lock with npm",
        ),
        (
            dfx(app='{"type": "azle"}')
            | {"package.json": '{"dependencies": {"azle": "0.33.0"}}', "pnpm-lock.yaml": ""},
            "package.json:1: app: its packages are pinned by pnpm-lock.yaml of pnpm: lock with npm",
        ),
        (
            dfx(app='{"type": "rust", "package": "app"}') | {"Cargo.toml": CRATE},
            "Cargo.toml:1: app: its crates are pinned by no Cargo.lock",
        ),
        (
            {
                "mops.toml": '[package]\nname = "map"\n[dependencies]\nbase = "0.7.4"\n',
                "mops.lock": "{}",
                "src/lib.mo": 'import B "mo:base/Nat";\nmodule {}',
            },
            "mops.toml:1: it needs base; packages are not supported yet where only modules are",
        ),
        (
            {"package.json": '{"scripts": {"test": "jest"}}'},
            "package.json:1: the script test starts another program than node",
        ),
        (
            {f"{n}.css": "" for n in range(64)} | {"index.html": ""},
            "index.html:1: 65 files in the root",
        ),
    ],
)
def test_what_cannot_be_built_yet_is_refused_with_its_place(
    tmp_path: Path, files: dict[str, str], told: str
) -> None:
    message, *reasons = refused(tmp_path / "app", files)
    assert message == "nothing here can be built yet"
    assert reasons[0].startswith(told)


def test_crates_that_make_no_canister_are_said_beside_a_front_end_and_alone(tmp_path: Path) -> None:
    crates = {"Cargo.toml": '[package]\nname = "tools"\n[dependencies]\nserde = "1"\n'}
    said = "Cargo.toml:1: no crate of it makes a canister"
    node = {"package.json": '{"scripts": {"test": "node --test"}}'}
    fit = chosen(tmp_path / "site", {**crates, **node})
    assert any(f"{one.place}: {one.text}".startswith(said) for one in fit.open)
    assert any(one.startswith(said) for one in refused(tmp_path / "alone", crates))


def test_crates_that_a_canister_may_be_made_of_are_not_said_to_make_none(tmp_path: Path) -> None:
    crates = {"Cargo.toml": '[package]\nname = "tools"\n', "Cargo.lock": "version = 3\n"}
    files = {**crates, **dfx(a='{"type": "rust", "package": "tools", "candid": "a.did"}')}
    assert not any("makes a canister" in one.text for one in chosen(tmp_path, files).open)


def test_an_empty_folder_leads_to_templates(tmp_path: Path) -> None:
    (told,) = refused(tmp_path / "new", {"README.md": ""})
    assert told == (
        "nothing known was found in new: choose one with --template NAME, see dcanary template list"
    )


def test_packages_by_path_become_flags_and_foreign_flags_are_left_out(tmp_path: Path) -> None:
    files = dfx(
        app='{"main": "app.mo", "args": "--incremental-gc -Werror --release", "gzip": true}'
    )
    files |= {
        "mops.toml": '[dependencies]\nown = "./packages/own"\ncore = "1.0.0"\n',
        "packages/own/src/lib.mo": "module {}",
        "app.mo": 'import O "mo:own";\nimport N "mo:core/Nat";\n' + COUNTER_MO,
    }
    fit = chosen(tmp_path, files)
    assert fit.values["flags"] == ["-Werror", "--package", "own", "packages/own/src"]
    assert [str(one) for one in fit.open] == [
        "dfx.json:2: --incremental-gc: left out, the moc of the runtime motoko has no such flags",
        "dfx.json:2: gzip: not done, the module is deployed as the compiler makes it",
        "mops.toml:3: core 1.0.0: the core that comes with the runtime's compiler is used",
    ]


def test_an_argument_of_init_is_open(tmp_path: Path) -> None:
    files = {"src/main.mo": "persistent actor class A(n : Nat) {}"}
    fit = chosen(tmp_path / "app", files)
    assert str(fit.open[0]).startswith("src/main.mo:1: its init takes an argument, so")
    said = dfx(app='{"main": "src/main.mo", "candid": "app.did", "init_arg": "(7 : nat)"}')
    fit = chosen(tmp_path / "said", files | said)
    assert str(fit.open[0]).startswith("src/main.mo:1: (7 : nat) is the argument of install")
    assert (fit.values["install_arg"], fit.values["candid"]) == ("(7 : nat)", ["app.did"])


@pytest.mark.parametrize(
    ("files", "template"),
    [
        ({"mops.toml": '[package]\nname = "map"\n', "src/lib.mo": "module {}"}, "library"),
        # Without `[package]`, and without a canister.
        ({"mops.toml": "[dependencies]\n", "src/lib.mo": "module {}"}, "library"),
        ({"package.json": '{"scripts": {"test": "node --test"}}'}, "node"),
        ({"index.html": "<p>", "a.css": ""}, "static"),
    ],
)
def test_a_folder_without_canisters_is_taken_as_a_whole(
    tmp_path: Path, files: dict[str, str], template: str
) -> None:
    assert chosen(tmp_path, files).template == template


def test_the_bound_on_files_of_a_site_is_the_canisters(tmp_path: Path) -> None:
    assert whole.MAX_MANIFEST_FILES == limits.MAX_MANIFEST_FILES
    files = {f"public/{n}.css": "" for n in range(limits.MAX_MANIFEST_FILES)}
    _, reason = refused(tmp_path, files | {"public/index.html": ""})
    assert reason.startswith("public/index.html:1: 257 files: a stage may give at most 256")


@pytest.mark.parametrize(
    ("text", "name"),
    [("Shop_1", "shop_1"), ("@scope/App", "scope-app"), ("..", "app"), ("é" * 90, "app")],
)
def test_names_are_as_near_as_the_rules_allow(text: str, name: str) -> None:
    assert name_for(text) == name


def test_what_is_open_of_several_canisters_is_said_once(tmp_path: Path) -> None:
    files = {
        "mops.toml": '[toolchain]\nmoc = "1.3.0"\n',
        "a.mo": COUNTER_MO,
        "b.mo": COUNTER_MO,
        "dfx.json": '{"canisters": {"a": {"main": "a.mo"}, "b": {"main": "b.mo"}}}',
    }
    asked = [str(one) for one in chosen(tmp_path, files).open if "is asked for" in str(one)]
    assert asked == [
        "mops.toml:1: a, b: moc 1.3.0 is asked for: the moc of the runtime motoko is used"
    ]
