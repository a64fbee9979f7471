"""Runtimes: what commands find, and digests that name tools and not places."""

import json
import shutil
from pathlib import Path

import pytest

from dcanary.candid import principal
from dcanary.executor.manifest import ManifestFile, collect_artifacts
from dcanary.executor.runtimes import (
    Runtime,
    RuntimeOptions,
    RuntimeUnavailable,
    content_digest,
    environment_digest,
    find_runtime,
)
from dcanary.executor.sandbox import (
    BubblewrapSandbox,
    Limits,
    Plan,
    Sandbox,
    StageResult,
    UnsandboxedRunner,
)
from dcanary.wasm import BuildError, Template, ensure_template
from tests.executor.conftest import write_source

MIB = 1 << 20
LIMITS = Limits(2048 * MIB, 64 * MIB, MIB, 64, 60)
ACTOR = "persistent actor { public query func get() : async Nat { 1 } }\n"


class Bench:
    """Runs commands of one runtime."""

    def __init__(self, folder: Path, sandbox: Sandbox, runtime: Runtime) -> None:
        self.folder, self.sandbox, self.runtime = folder, sandbox, runtime
        self.printed = ""
        self.files: list[ManifestFile] = []

    def run(self, *commands: str, artifacts: tuple[str, ...] = ()) -> StageResult:
        core = 'import N "mo:core/Nat";\npersistent actor { transient let x = N.toInt(1) }\n'
        files = {
            "main.mo": ACTOR,
            "wrong.mo": 'actor { let x : Nat = "a" }\n',
            "core.mo": core,
            "lib/part.mo": "module { public let one = 1 }\n",
            "parts.mo": 'import P "lib/part";\npersistent actor { transient let x = P.one }\n',
        }
        source = write_source(self.folder / "source.tar", files)
        printed: list[bytes] = []

        def collect(source: int) -> None:
            self.files = collect_artifacts(source, artifacts, self.folder / "held", 32 * MIB)

        runtime = self.runtime
        plan = Plan(commands, source, runtime.environment, runtime.binds, runtime.program_path)
        result = self.sandbox.run(plan, LIMITS, printed.append, lambda: False, collect)
        self.printed = b"".join(printed).decode()
        return result


def bench(folder: Path, sandbox: Sandbox, name: str) -> Bench:
    sandboxed = not isinstance(sandbox, UnsandboxedRunner)
    runtime = find_runtime(
        name, RuntimeOptions(folder / "tools", sandboxed, template=ensure_template)
    )
    return Bench(folder, sandbox, runtime)


@pytest.fixture(params=["sandboxed", "unsandboxed"])
def any_sandbox(
    request: pytest.FixtureRequest, sandbox: BubblewrapSandbox, tmp_path: Path
) -> Sandbox:
    return sandbox if request.param == "sandboxed" else UnsandboxedRunner(tmp_path / "jobs")


def test_shell_and_node_run_their_commands(any_sandbox: Sandbox, tmp_path: Path) -> None:
    shell = bench(tmp_path, any_sandbox, "shell")
    assert shell.run("echo $((1 + 1))").succeeded
    assert shell.printed.endswith("\n2\n")
    node = bench(tmp_path, any_sandbox, "node")
    assert node.run("node -p 1+1").succeeded
    assert node.printed.endswith("\n2\n")


def test_moc_compiles_to_a_module_and_its_interface(any_sandbox: Sandbox, tmp_path: Path) -> None:
    motoko = bench(tmp_path, any_sandbox, "motoko")
    result = motoko.run("moc main.mo -o out/a.wasm", artifacts=("out/a.wasm", "out/a.did"))
    assert result.succeeded, motoko.printed
    did, wasm = motoko.files
    assert (tmp_path / "held" / did.sha256).read_text() == (
        "service : {\n  get: () -> (nat) query;\n}\n"
    )
    content = (tmp_path / "held" / wasm.sha256).read_bytes()
    assert content.startswith(b"\0asm")
    assert b"icp:public candid:service" in content


def test_moc_finds_libraries_and_says_what_is_wrong_where(
    sandbox: BubblewrapSandbox, tmp_path: Path
) -> None:
    motoko = bench(tmp_path, sandbox, "motoko")
    assert motoko.run("moc --check core.mo", "moc --check parts.mo").succeeded, motoko.printed
    assert motoko.run("moc wrong.mo").reason == "command"
    assert "wrong.mo:1:23: type error [M0050]: literal of type Text" in motoko.printed
    assert "ended with exit code 2" in motoko.run("moc nothing.mo").detail
    assert "there is no file nothing.mo" in motoko.printed
    assert "ended with exit code 2" in motoko.run("moc ../x.mo").detail


def test_moc_puts_the_id_of_an_imported_canister_into_the_module(
    sandbox: BubblewrapSandbox, tmp_path: Path
) -> None:
    motoko = bench(tmp_path, sandbox, "motoko")
    ledger = "bkyz2-fmaaa-aaaaa-qaaaq-cai"
    program = (
        'import L "canister:ledger"; persistent actor { public func f() : async Nat '
        "{ await L.g() } }"
    )
    files = (f"echo '{program}' > shop.mo", "echo 'service : { g : () -> (nat) }' > ledger.did")
    folder = f"mkdir idl && cp ledger.did idl/{ledger}.did"
    made = []
    for command in (
        f"moc shop.mo -o out/a.wasm --actor-id-alias ledger {ledger} ledger.did",
        f"moc shop.mo -o out/a.wasm --actor-idl=idl --actor-alias ledger {ledger}",
    ):
        result = motoko.run(*files, folder, command, artifacts=("out/a.wasm",))
        assert result.succeeded, motoko.printed
        made += [one.sha256 for one in motoko.files]
    assert made[0] == made[1]
    assert principal.from_text(ledger) in (tmp_path / "held" / made[0]).read_bytes()
    refused = (
        ("moc shop.mo", 1, 'canister alias "ledger" not defined'),
        ('moc shop.mo --actor-id-alias ledger "" ledger.did', 2, "the canister ledger has no id"),
        (f"moc shop.mo --actor-id-alias ledger {ledger} x.did", 2, "there is no file x.did"),
        ("moc shop.mo --actor-env-alias ledger L ledger.did", 2, "use --actor-id-alias"),
    )
    for command, code, said in refused:
        assert f"ended with exit code {code}" in motoko.run(*files, command).detail
        assert said in motoko.printed


def test_moc_has_the_library_base_of_an_earlier_compiler_where_it_is_installed(
    sandbox: BubblewrapSandbox, tmp_path: Path
) -> None:
    own = tmp_path / "node_modules"
    base = own / "motoko-base" / "packages" / "latest"
    base.mkdir(parents=True)
    (own / "motoko-base" / "package.json").write_text("{}")
    files = {"Nat.mo": {"content": "module { public let two = 2 }"}}
    (base / "base.json").write_text(json.dumps({"version": "0.1", "files": files}))
    installed = find_runtime("motoko", RuntimeOptions(tmp_path / "found"))
    (compiler,) = [bind.host for bind in installed.binds if bind.inside.endswith("/motoko")]
    (own / "motoko").symlink_to(compiler)
    program = 'import N "mo:base/Nat"; persistent actor { transient let x = N.two }'
    commands = (f"echo '{program}' > a.mo", "moc --check a.mo")
    having = find_runtime("motoko", RuntimeOptions(tmp_path / "having", node_modules=own))
    motoko = Bench(tmp_path, sandbox, having)
    assert motoko.run(*commands).succeeded, motoko.printed
    shutil.rmtree(own / "motoko-base")
    lacking = find_runtime("motoko", RuntimeOptions(tmp_path / "lacking", node_modules=own))
    assert lacking.digest != having.digest
    motoko = Bench(tmp_path, sandbox, lacking)
    assert motoko.run(*commands).reason == "command"
    assert 'package "base" not defined' in motoko.printed


def test_moc_finds_what_a_fetch_stage_brought_and_writes_the_stable_types(
    any_sandbox: Sandbox, tmp_path: Path
) -> None:
    motoko = bench(tmp_path, any_sandbox, "motoko")
    mops = "$HOME/mops"
    module = "module {{ public let from = {} }}"
    written = [
        f"mkdir -p {mops}/own@{version}/src && echo '{module.format(number)}' > "
        f"{mops}/own@{version}/src/lib.mo"
        for version, number in (("0.9.0", 1), ("0.10.0", 2))
    ]
    program = (
        'import O "mo:own"; import P "mo:own@0.10/lib"; '
        "persistent actor { var n : Nat = O.from + P.from; "
        "public func f() : async Nat { n += 1; n } }"
    )
    made = motoko.run(
        *written,
        f"echo '{program}' > stable.mo",
        f"DCANARY_MOPS={mops} moc --stable-types stable.mo -o out/a.wasm",
        artifacts=("out/a.most",),
    )
    assert made.succeeded, motoko.printed
    (most,) = motoko.files
    assert "stable var n : Nat" in (tmp_path / "held" / most.sha256).read_text()
    refused = motoko.run(f"echo '{program}' > a.mo", "moc --package own gone a.mo")
    assert refused.reason == "command"
    assert "there is no folder" in motoko.printed or "mo:own" in motoko.printed


@pytest.mark.replica
def test_python_finds_the_interpreter_and_the_compiler(
    any_sandbox: Sandbox, tmp_path: Path
) -> None:
    python = bench(tmp_path, any_sandbox, "python")
    assert python.run("python3 -c 'import dcanary.wasm, json; print(1 + 1)'").succeeded
    assert python.printed.endswith("\n2\n")
    assert python.run("dcanary build --help").succeeded, python.printed


def test_a_digest_does_not_depend_on_where_tools_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = find_runtime("motoko", RuntimeOptions(tmp_path / "one"))
    package = next(bind.host for bind in here.binds if bind.inside.endswith("/motoko"))
    for name in ("motoko", "motoko-base"):
        shutil.copytree(package.parent / name, tmp_path / "elsewhere" / name)
    monkeypatch.setenv("HOME", str(tmp_path))
    there = find_runtime(
        "motoko", RuntimeOptions(tmp_path / "two", node_modules=tmp_path / "elsewhere")
    )
    assert there.binds != here.binds
    assert there.digest == here.digest


def test_a_digest_depends_on_what_tools_are(tmp_path: Path) -> None:
    here = find_runtime("motoko", RuntimeOptions(tmp_path / "one"))
    package = next(bind.host for bind in here.binds if bind.inside.endswith("/motoko"))
    shutil.copytree(package, tmp_path / "elsewhere" / "motoko")
    with (tmp_path / "elsewhere/motoko/versions/latest/moc.min.js").open("a") as compiler:
        compiler.write("\n")
    there = find_runtime(
        "motoko", RuntimeOptions(tmp_path / "two", node_modules=tmp_path / "elsewhere")
    )
    assert there.digest != here.digest
    assert environment_digest("node", {"node": "v1"}) != environment_digest("node", {"node": "v2"})
    assert environment_digest("node", {"node": "v1"}) != environment_digest("x", {"node": "v1"})


def test_a_content_digest_is_of_names_and_contents(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "a.py").write_text("a")
        (tmp_path / name / "b.py").write_text("b")
    (tmp_path / "two" / "c.pyc").write_text("c")
    assert content_digest(tmp_path / "one") != content_digest(tmp_path / "two")
    first = content_digest(tmp_path / "one", (".py",))
    assert first == content_digest(tmp_path / "two", (".py",))
    (tmp_path / "two" / "b.py").rename(tmp_path / "two" / "d.py")
    assert first != content_digest(tmp_path / "two", (".py",))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rust", "rust is no runtime of a machine: use one of shell"),
        ("motoko", "npm package motoko is not installed"),
        ("python", "given no canister template"),
    ],
)
def test_a_runtime_that_is_not_here_says_what_to_do(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(RuntimeUnavailable, match=words):
        find_runtime(name, RuntimeOptions(tmp_path, node_modules=tmp_path))


def test_a_template_that_cannot_be_made_leaves_the_executor_its_other_runtimes(
    tmp_path: Path,
) -> None:
    def fail() -> Template:
        raise BuildError("no room")

    with pytest.raises(RuntimeUnavailable, match="template cannot be made: no room"):
        find_runtime("python", RuntimeOptions(tmp_path, template=fail))
