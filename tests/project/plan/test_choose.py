"""Which pipeline a project gets, and what it leaves open."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.project.plan import whole
from dcanary.project.plan.choose import NoChoice, choose, outlook
from dcanary.project.plan.fit import Fit, name_for
from shared.rules import limits
from tests.project.folders import COUNTER_MO, COUNTER_PY, found

PLAIN = COUNTER_MO.replace("persistent ", "")


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
        "dfx.json:2: it refers to engine: a pipeline deploys one canister, so deploy those before "
        "and give their ids in an argument",
        "dfx.json:3: engine: rust is not supported yet: use shell, python, motoko or node",
        "dfx.json:4: site: asset canisters are not supported yet: a pipeline deploys one module, "
        "and no files",
    ]


def test_of_several_that_can_be_built_one_has_to_be_named(tmp_path: Path) -> None:
    files = dfx(a='{"main": "a.mo"}', b='{"type": "kybra", "main": "b.py"}')
    files |= {"a.mo": COUNTER_MO, "b.py": COUNTER_PY}
    (told,) = refused(tmp_path, files)
    assert told.endswith("choose with --canister NAME, one of a, b")
    fit = chosen(tmp_path, files, "b")
    assert (fit.template, fit.values["main"]) == ("kybra", "b.py")
    assert "a: left out" in str(fit.open[0])
    assert refused(tmp_path, files, "c") == ["there is no canister c: a, b"]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"src/main.mo": PLAIN}, "src/main.mo:1: app: the actor is not declared persistent"),
        (
            {"src/main.mo": 'import B "mo:base/Nat";\n' + COUNTER_MO},
            "src/main.mo:1: app: the package base (imported in src/main.mo:1) is not in the folder",
        ),
        (
            {
                "src/main.mo": 'import B "mo:base/Nat";\n' + COUNTER_MO,
                "mops.toml": '[dependencies]\nbase = "0.7.4"\n',
            },
            "mops.toml:2: app: the package base 0.7.4 (imported in src/main.mo:1) is not in the",
        ),
        (
            {"src/main.mo": 'import B "canister:b";\n' + COUNTER_MO},
            "src/main.mo:1: app: imports of canister:b are not supported yet",
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
        (dfx(app='{"type": "azle"}'), "dfx.json:2: app: azle is not supported yet"),
        (
            {"package.json": '{"scripts": {"build": "vite"},\n"dependencies": {\n"vite": "6"}}'},
            "package.json:3: the npm package vite is not in the folder",
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
