"""Motoko programs of other compilers' days: actors, libraries, vendored packages, imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from dcanary.pipeline import PipelineFile, parse_pipeline
from dcanary.pipeline.model import Stage
from dcanary.project.plan.choose import NoChoice, choose, outlook
from dcanary.project.plan.fit import Fit
from dcanary.project.report import lines
from dcanary.project.template import load
from dcanary.project.write import pipeline_text
from tests.project.folders import COUNTER_MO, found

PLAIN = COUNTER_MO.replace("persistent ", "")
LEGACY = "--legacy-actors"


def chosen(root: Path, files: dict[str, str], wanted: str | None = None) -> Fit:
    """The pipeline of a folder with these files."""
    project = found(root, files)
    return choose(project, outlook(project), wanted)


def written(root: Path, files: dict[str, str], wanted: str | None = None) -> PipelineFile:
    """The pipeline as the file that `init` writes says it."""
    project = found(root, files)
    fit = choose(project, outlook(project), wanted)
    return parse_pipeline(pipeline_text(load(fit.template), fit, lines(project), root).encode())


def stage(pipeline: PipelineFile, name: str) -> Stage:
    one = pipeline.stages[name]
    assert isinstance(one, Stage)
    return one


def test_an_actor_that_is_not_persistent_is_taken_as_earlier_compilers_took_it(
    tmp_path: Path,
) -> None:
    fit = chosen(tmp_path / "app", {"src/main.mo": PLAIN})
    assert fit.values["flags"] == [LEGACY]
    assert [str(one) for one in fit.open] == [
        "src/main.mo:1: the actor is not declared persistent: with --legacy-actors its variables "
        "that are not declared stable begin anew at each upgrade, as with earlier compilers"
    ]
    (deploy,) = written(tmp_path / "app", {}).deploy
    assert deploy.memory == "keep"


@pytest.mark.parametrize("flag", ["--default-persistent-actors", "--require-persistent-actors"])
def test_what_the_project_says_of_actors_stays(tmp_path: Path, flag: str) -> None:
    files = {"src/main.mo": PLAIN, "mops.toml": f'[moc]\nargs = ["{flag}"]\n'}
    assert chosen(tmp_path, files).values["flags"] == [flag]


def test_base_comes_with_the_compiler_unless_a_lock_has_it(tmp_path: Path) -> None:
    main = 'import N "mo:base/Nat";\n' + COUNTER_MO
    mops = '[dependencies]\nbase = "0.11.1"\n'
    fit = chosen(tmp_path / "a", {"src/main.mo": main})
    assert (fit.template, fit.values["flags"], fit.open) == ("motoko", [], ())
    fit = chosen(tmp_path / "b", {"src/main.mo": main, "mops.toml": mops})
    assert [str(one) for one in fit.open] == [
        "mops.toml:2: base 0.11.1: the base that comes with the runtime's compiler is used"
    ]
    fit = chosen(tmp_path / "c", {"src/main.mo": main, "mops.toml": mops, "mops.lock": "{}"})
    assert fit.template == "mops"


VENDORED = {
    "mops.toml": '[dependencies]\nmap = "8.0.0"\n',
    ".mops/map@8.0.0/src/lib.mo": "module {}",
    ".mops/map@9.0.1/src/lib.mo": "module {}",
    ".mops/base@0.14.9/src/Nat.mo": "module {}",
    ".mops/base@0.14.13/src/Nat.mo": "module {}",
    ".mops/_tmp/x.mo": "module {}",
    "src/main.mo": 'import M "mo:map";\n' + COUNTER_MO,
}


def test_packages_in_the_repository_are_used_with_those_that_they_need(tmp_path: Path) -> None:
    fit = chosen(tmp_path, VENDORED)
    assert fit.template == "motoko"
    assert fit.values["flags"] == [
        *("--package", "base", ".mops/base@0.14.13/src"),
        *("--package", "map", ".mops/map@8.0.0/src"),
    ]


def test_names_that_pin_a_version_are_found_below_mops_too(tmp_path: Path) -> None:
    fit = chosen(
        tmp_path,
        {
            "mops.toml": '[dependencies]\n"core@1" = "1.0.0"\n',
            ".mops/core@0.6.0/src/Nat.mo": "module {}",
            ".mops/core@1.0.0/src/Nat.mo": "module {}",
            ".mops/core@1.0.0/mops.toml": '[dependencies]\n"json@1.4" = "1.4.0"\n',
            ".mops/json@1.4.0/src/lib.mo": "module {}",
            ".mops/json@1.40.0/src/lib.mo": "module {}",
            ".mops/json@1.40.0/mops.toml": "[dependencies",
            "src/main.mo": 'import N "mo:core@1/Nat";\n' + COUNTER_MO,
        },
    )
    assert fit.template == "motoko"
    assert fit.values["flags"] == [
        *("--package", "core", ".mops/core@1.0.0/src"),
        *("--package", "core@1", ".mops/core@1.0.0/src"),
        *("--package", "json", ".mops/json@1.40.0/src"),
        *("--package", "json@1.4", ".mops/json@1.4.0/src"),
    ]


@pytest.mark.parametrize("line", [".mops", "/.mops/", "**/.mops/", ".mops/*"])
def test_packages_that_git_ignores_are_not_in_the_repository(tmp_path: Path, line: str) -> None:
    with pytest.raises(NoChoice) as caught:
        chosen(tmp_path, VENDORED | {".gitignore": f"node_modules\n{line}\n"})
    assert "pinned by no mops.lock" in str(caught.value.reasons[0])


SHOP = {
    "dfx.json": '{"canisters": {\n"shop": {"main": "shop.mo"},\n"My-Ledger": {"main": "ledger.mo"}'
    ',\n"log": {"type": "custom", "build": "make", "candid": "log.did"}}}',
    "shop.mo": 'import L "canister:My-Ledger";\nimport G "canister:log";\n' + COUNTER_MO,
    "ledger.mo": COUNTER_MO,
    "log.did": "service : {}",
}


def test_imported_canisters_come_before_and_give_id_and_interface(tmp_path: Path) -> None:
    pipeline = written(tmp_path, SHOP)
    shop = stage(pipeline, "build-shop")
    assert shop.depends_on == ["build-my-ledger"]
    (command,) = shop.commands
    assert command == (
        'moc --stable-types --actor-id-alias My-Ledger "$CANISTER_ID_MY_LEDGER" '
        "build/my-ledger.did "
        '--actor-id-alias log "$CANISTER_ID_LOG" log.did shop.mo -o build/shop.wasm'
    )
    assert list(shop.environment) == ["CANISTER_ID_MY_LEDGER", "CANISTER_ID_LOG"]
    after = {one.target: one.depends_on for one in pipeline.deploy}
    assert after == {"shop": ["my-ledger"], "my-ledger": []}
    assert stage(pipeline, "build-my-ledger").environment == {}


def test_a_canister_that_imports_is_built_alone_where_the_repository_has_the_interface(
    tmp_path: Path,
) -> None:
    with pytest.raises(NoChoice, match="the canister shop cannot be built alone"):
        chosen(tmp_path, SHOP, "shop")
    files = {**SHOP, "shop.mo": 'import G "canister:log";\n' + COUNTER_MO}
    alone = stage(written(tmp_path / "alone", files, "shop"), "build")
    assert '"$CANISTER_ID_LOG" log.did' in alone.commands[0]
    assert list(alone.environment) == ["CANISTER_ID_LOG"]


def test_aliases_of_the_project_name_the_interface(tmp_path: Path) -> None:
    flags = '["--actor-env-alias", "far", "PUBLIC_CANISTER_ID:far", "far.did", "-Werror"]'
    files = {
        "mops.toml": f'[canisters.app]\nmain = "app.mo"\nargs = {flags}\n',
        "app.mo": 'import F "canister:far";\n' + COUNTER_MO,
        "far.did": "service : {}",
    }
    fit = chosen(tmp_path, files)
    assert fit.values["flags"] == ["-Werror"]
    assert fit.values["imports"] == '--actor-id-alias far "$CANISTER_ID_FAR" far.did'


def test_canisters_that_import_each_other_in_a_circle_cannot_be_built(tmp_path: Path) -> None:
    files = {
        "dfx.json": '{"canisters": {"a": {"main": "a.mo"}, "b": {"main": "b.mo"}, '
        '"c": {"main": "c.mo"}}}',
        "a.mo": 'import B "canister:b";\n' + COUNTER_MO,
        "b.mo": 'import A "canister:a";\n' + COUNTER_MO,
        "c.mo": COUNTER_MO,
    }
    fit = chosen(tmp_path, files)
    assert fit.template == "motoko"
    assert fit.values["name"] == "c"
    told = [str(one) for one in fit.open]
    assert "a: it imports b, whose .did is made by a stage that needs this one" in told[0]


def test_what_needs_a_canister_that_cannot_be_built_cannot_be_built_either(tmp_path: Path) -> None:
    files = {
        "dfx.json": '{"canisters": {"a": {"main": "a.mo"}, "b": {"main": "b.mo"}, '
        '"c": {"main": "c.mo"}}}',
        "a.mo": 'import B "canister:b";\n' + COUNTER_MO,
        "b.mo": 'import M "mo:map";\n' + COUNTER_MO,
        "c.mo": COUNTER_MO,
    }
    told = [str(one) for one in chosen(tmp_path, files).open]
    assert any("a: it imports b, which cannot be built here" in one for one in told)
