"""`dcanary init` and `dcanary template`: what they print, write, and end with."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dcanary.cli.main import run
from dcanary.download.registries import NPM
from dcanary.executor.runtimes import RuntimeOptions, find_runtime
from dcanary.pipeline import load_pipeline
from dcanary.pipeline.model import FetchStage
from dcanary.wasm import ensure_template
from tests.project.folders import COUNTER_MO, COUNTER_PY, built, write

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").iterdir())
TWO = {"a/main.mo": COUNTER_MO, "b/main.mo": COUNTER_MO}


def test_it_says_what_it_found_and_writes_a_valid_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "shop", {"src/main.mo": COUNTER_MO})
    assert run(["init", str(root)]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0] == "found src/main.mo:1: motoko canister shop (src/main.mo)"
    assert lines[-2].startswith("wrote ")
    assert run(["pipeline", "validate", str(root)]) == 0
    (deploy,) = load_pipeline(root / "dcanary.yml").deploy
    assert deploy.memory == "keep"
    assert stat.S_IMODE((root / "dcanary.yml").stat().st_mode) & 0o044


def test_a_file_that_is_there_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "shop", {"src/main.mo": COUNTER_MO, "dcanary.yml": "mine"})
    assert run(["init", str(root)]) == 2
    assert "is there already: it is kept" in capsys.readouterr().err
    assert (root / "dcanary.yml").read_text() == "mine"
    assert run(["init", str(root), "--force"]) == 0
    assert "version: 1" in (root / "dcanary.yml").read_text()
    assert sorted(path.name for path in root.iterdir()) == ["dcanary.yml", "src"]


def test_a_folder_within_a_repository_is_refused_with_its_root(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = write(tmp_path / "shop/second", {"src/main.mo": COUNTER_MO})
    subprocess.run(["git", "init", "-q", str(tmp_path / "shop")], check=True)
    assert run(["init", str(inner)]) == 2
    said = capsys.readouterr().err
    assert "the repository begins above" in said and "dcanary init" in said
    assert not (inner / "dcanary.yml").exists()
    assert run(["init", str(inner), "--stdout"]) == 0


def test_a_link_in_its_place_is_kept_too(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", {"src/main.mo": COUNTER_MO})
    (root / "dcanary.yml").symlink_to(tmp_path / "elsewhere")
    assert run(["init", str(root)]) == 2
    assert not (tmp_path / "elsewhere").exists()


def test_stdout_gets_the_file_alone_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "shop", {"src/main.mo": COUNTER_MO})
    assert run(["init", str(root), "--stdout"]) == 0
    printed = capsys.readouterr()
    assert "found src/main.mo:1" in printed.err
    (tmp_path / "given.yml").write_text(printed.out)
    assert load_pipeline(tmp_path / "given.yml").name == "shop"
    assert not (root / "dcanary.yml").exists()


def test_of_several_canisters_one_is_chosen_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path, TWO)
    assert run(["init", str(root)]) == 0
    assert [one.target for one in load_pipeline(root / "dcanary.yml").deploy] == ["a", "b"]
    assert run(["init", str(root), "--force", "--set", "main=x.mo"]) == 2
    assert "several canisters have no parameter main together" in capsys.readouterr().err
    assert run(["init", str(root), "--force", "--canister", "b"]) == 0
    assert load_pipeline(root / "dcanary.yml").name == "b"


def test_what_cannot_be_built_is_said_with_its_place_and_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path, {"dfx.json": '{"canisters": {"a": {"type": "rust", "package": "a"}}}'})
    assert run(["init", str(root)]) == 2
    told = capsys.readouterr().err
    assert "dfx.json:1: a: there is no Cargo.toml" in told
    assert "docs/how-to/bring-your-project.md#rust-and-azle" in told
    assert not (root / "dcanary.yml").exists()


def test_a_template_takes_what_was_detected_and_what_is_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "shop", {"src/main.mo": COUNTER_MO})
    options = ["--template", "motoko", "--set", "name=store", "--set", "flags=-Werror"]
    assert run(["init", str(root), *options, "--stdout"]) == 0
    assert "moc --stable-types -Werror src/main.mo -o build/store.wasm" in capsys.readouterr().out


def test_a_template_needs_no_project(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path), "--template", "kybra", "--set", "main=app/main.py"]) == 0
    (command,) = built(load_pipeline(tmp_path / "dcanary.yml")).commands
    assert command == "dcanary build app/main.py --out build --name app"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--template", "gone"], "there is no template gone"),
        (["--template", "node", "--set", "x=1"], "has no parameter x"),
        (["--template", "node", "--set", "x"], "--param x: write NAME=VALUE"),
        (["--template", "node", "--set", "name=A B"], "name: must be lower-case letters"),
        (["--template", "node", "--canister", "a"], "does not fit the template node"),
        (["--canister", "a"], "there is no canister a: none was found"),
        ([], "nothing known was found"),
    ],
)
def test_what_is_asked_wrongly_is_one_message_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], told: str
) -> None:
    assert run(["init", str(tmp_path), *options]) == 2
    assert told in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_exit_code_2(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path / "gone")]) == 2


def test_json_gives_facts_places_and_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "shop", {"src/main.mo": COUNTER_MO})
    assert run(["init", str(root), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["template"] == "motoko"
    (canister,) = answer["facts"]["canisters"]
    assert (canister["kind"], canister["places"]) == (
        "motoko",
        [{"file": "src/main.mo", "line": 1}],
    )
    assert Path(answer["file"]).read_text() == answer["text"]


@pytest.mark.parametrize(
    ("said", "written"),
    [("(7)", "install_arg: (7)"), ('("$(dfx identity get-principal)", 1)', 'install_arg: "()"')],
)
def test_the_argument_of_the_project_is_taken_over_where_it_is_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: str, written: str
) -> None:
    about = {"main": "a.mo", "candid": "a.did", "init_arg": said}
    files = {
        "dfx.json": json.dumps({"canisters": {"a": about}}),
        "a.mo": "persistent actor class A(n : Nat) {}",
        "a.did": "service : (nat) -> {}",
    }
    root = write(tmp_path, files)
    assert run(["init", str(root)]) == 0
    text = (root / "dcanary.yml").read_text()
    assert written.replace("(7)", '"(7)"') in text
    assert ("cannot be taken over" in capsys.readouterr().out) == ("$" in said)
    assert load_pipeline(root / "dcanary.yml").deploy is not None


def test_names_of_strangers_do_nothing_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = 'a\\u001b[2J\\nb: {\\"x\\": 1}'
    text = f'{{"canisters": {{"{evil}": {{"main": "a.mo"}}}}}}'
    root = write(tmp_path, {"dfx.json": text, "a.mo": COUNTER_MO})
    assert run(["init", str(root)]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert load_pipeline(root / "dcanary.yml").name == "a-2j-b-x-1"


def test_facts_fit_into_eighty_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "shop", {f"{'deep/' * 11}main.mo": COUNTER_MO})
    assert run(["init", str(root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if line.startswith(("found", "open", "      "))) <= 80


KYBRA = {
    "test_app/main.py": COUNTER_PY,
    "vault/main.py": f"import numpy\n{COUNTER_PY}",
}
SUMMARY = (
    "builds 1 of 2 canisters: test_app; not built: vault (the module numpy is not in the folder, "
    "and packages in canisters are not supported yet, "
    "docs/how-to/bring-your-project.md#dependencies)"
)


def test_hosts_of_a_lock_that_are_no_public_registries_are_written_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    public = urlsplit(NPM).hostname
    package = {"integrity": "sha512-" + "A" * 86 + "==", "version": "1.0.0"}
    packages = {
        "": {"name": "web"},
        **{
            f"node_modules/{name}": {**package, "resolved": f"https://{host}/{name}.tgz"}
            for name, host in (("a", public), ("b", "packages.example:8443"))
        },
    }
    lock = json.dumps({"lockfileVersion": 3, "packages": packages}, indent=1)
    needs = {"a": "1.0.0", "b": "1.0.0"}
    manifest = json.dumps({"name": "web", "scripts": {"build": "tsc"}, "dependencies": needs})
    files = {"package.json": manifest, "package-lock.json": lock}
    alone = write(tmp_path / "web", files)
    canisters = {
        "back": {"type": "motoko", "main": "back/main.mo"},
        "front": {"type": "assets", "source": ["dist"]},
    }
    dfx = json.dumps({"canisters": canisters})
    wasm = {"assetstorage.wasm": "", "back/main.mo": COUNTER_MO, "dfx.json": dfx}
    both = write(tmp_path / "shop", {**files, **wasm})
    for root in (alone, both):
        assert run(["init", str(root)]) == 0
        printed = capsys.readouterr()
        assert "packages.example:8443, no public registry" in " ".join(
            (printed.out + printed.err).split()
        )
        stages = load_pipeline(root / "dcanary.yml").stages.values()
        (fetch,) = [stage for stage in stages if isinstance(stage, FetchStage)]
        assert fetch.hosts == ["packages.example:8443", public]


def test_a_second_canister_is_not_dropped_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "shop", TWO)
    assert run(["init", str(root), "--canister", "a", "--canister", "b"]) == 2
    assert "--canister chooses one" in capsys.readouterr().err
    assert not (root / "dcanary.yml").exists()


def npm_lock(missing: int) -> dict[str, str]:
    """A front end whose lock does not say where its packages are."""
    packages = {
        f"node_modules/p{number}": {"version": "1.0.0", "integrity": f"sha512-{'A' * 86}=="}
        for number in range(missing)
    }
    about = {"scripts": {"build": "vite build"}, "dependencies": {"p0": "1.0.0"}}
    return {
        "package.json": json.dumps(about),
        "package-lock.json": json.dumps({"lockfileVersion": 3, "packages": packages}, indent=1),
    }


def test_the_end_says_which_canisters_are_not_built_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "shop", KYBRA)
    assert run(["init", str(root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("wrote "))
    assert " ".join(line.strip() for line in lines[at + 1 : -1]) == SUMMARY
    assert max(map(len, lines[at + 1 :])) <= 80
    assert run(["init", str(root), "--stdout"]) == 0
    assert "builds 1 of 2 canisters: test_app" in capsys.readouterr().err
    assert run(["init", str(root), "--force", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["built"], list(answer["not_built"])) == (["test_app"], ["vault"])


def test_problems_of_a_lock_file_are_one_message_with_their_number_and_the_first_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "web", npm_lock(23))
    assert run(["init", str(root)]) == 2
    told = capsys.readouterr().err
    assert told.splitlines() == [
        "error: package-lock.json: 23 packages cannot be fetched; the first, line 4:",
        "  p0@1.0.0 has no `resolved`",
        "  delete the file and lock again with `npm install --package-lock-only",
        "    --omit-lockfile-registry-resolved=false`",
    ]


def test_errors_fit_into_eighty_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write(tmp_path / "shop", {"vault/main.py": KYBRA["vault/main.py"]})
    assert run(["init", str(root)]) == 2
    told = capsys.readouterr().err
    assert "the module numpy is not in the folder" in " ".join(told.split())
    assert max(map(len, told.splitlines())) <= 80


def test_templates_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["template", "list", "--json"]) == 0
    rows = {row["name"]: row["usable"] for row in json.loads(capsys.readouterr().out)}
    assert rows["motoko"] == "yes"
    assert rows["rust"] == "yes"
    assert run(["template", "show", "motoko"]) == 0
    assert "moc --stable-types {{imports}} {{flags|shell}}" in capsys.readouterr().out
    assert run(["template", "show", "gone"]) == 2


def build(root: Path, tools: Path) -> None:
    """Run the commands of the written pipeline as an executor does, without its sandbox."""
    pipeline = load_pipeline(root / "dcanary.yml")
    for stage in [built(pipeline, name) for name in pipeline.stages]:
        options = RuntimeOptions(tools, sandboxed=False, template=ensure_template)
        runtime = find_runtime(stage.runtime, options)
        environment = {**runtime.environment, "PATH": runtime.program_path, "HOME": str(tools)}
        for command in stage.commands:
            done = subprocess.run(
                ["/bin/sh", "-e", "-c", command],
                cwd=root,
                env=environment,
                capture_output=True,
                text=True,
                timeout=250,
            )
            assert done.returncode == 0, done.stderr
        for artifact in stage.artifacts:
            assert (root / artifact).stat().st_size > 0, artifact


@pytest.mark.parametrize(
    "files",
    [
        {
            "mops.toml": '[dependencies]\nown = "./packages/own"\ncore = "2.0.0"\n',
            "packages/own/src/lib.mo": "module { public let one = 1 }",
            "src/my main.mo": 'import O "mo:own";\nimport Nat "mo:core/Nat";\n'
            "persistent actor { public query func get() : async Text { Nat.toText(O.one) } }",
        },
        {
            "mops.toml": '[package]\nname = "map"\n',
            "src/lib.mo": 'import Nat "mo:core/Nat";\n'
            "module { public func show(n : Nat) : Text { Nat.toText(n) } }",
            "src/more/Other.mo": 'import Map "../lib";\nmodule { public let show = Map.show }',
        },
        {
            "package.json": '{"scripts": {"test": "node --test"}}',
            "a.test.js": 'require("node:test")("a", () => {})',
        },
        {"public/index.html": "<p>", "public/a b.css": "p {}"},
    ],
    ids=["motoko", "library", "node", "static"],
)
def test_what_is_written_builds(tmp_path: Path, files: dict[str, str]) -> None:
    root = write(tmp_path / "app", files)
    assert run(["init", str(root)]) == 0
    build(root, tmp_path / "tools")


def test_a_module_that_is_wrong_fails_the_check_of_a_library(tmp_path: Path) -> None:
    files = {"mops.toml": '[package]\nname = "map"\n', "src/a.mo": "module { let n : Nat = -1 }"}
    root = write(tmp_path / "app", files | {"src/b.mo": "module {}"})
    assert run(["init", str(root)]) == 0
    with pytest.raises(AssertionError, match="M0050"):
        build(root, tmp_path / "tools")


@pytest.mark.replica
def test_what_is_written_for_a_kybra_project_builds(tmp_path: Path) -> None:
    root = write(tmp_path / "app", {"src/main.py": COUNTER_PY})
    assert run(["init", str(root)]) == 0
    build(root, tmp_path / "tools")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.name)
def test_an_example_gets_what_it_has(tmp_path: Path, example: Path) -> None:
    """Detection finds the same build as the people who wrote the example."""
    root = tmp_path / example.name
    shutil.copytree(example, root)
    written = load_pipeline(root / "dcanary.yml")
    assert run(["init", str(root), "--force"]) == 0
    given = load_pipeline(root / "dcanary.yml")
    assert given.name == written.name
    assert built(given).runtime == built(written).runtime
    assert given.deploy[0].memory == written.deploy[0].memory
    program = built(written).commands[0].split()[1:3]
    assert set(built(given).commands[0].split()) & set(program)


def test_it_needs_no_network_and_no_installation(tmp_path: Path) -> None:
    root = write(tmp_path / "shop", {"src/main.mo": COUNTER_MO})
    done = subprocess.run(
        [sys.executable, "-m", "dcanary", "init"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in root.iterdir()) == ["dcanary.yml", "src"]
