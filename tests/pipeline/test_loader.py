"""`dcanary.yml`: what is accepted, and that each error names its place."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dcanary.pipeline import PipelineFileError, load_pipeline, parse_pipeline
from dcanary.pipeline.errors import FieldError
from dcanary.pipeline.source import read_source

GOOD = """\
version: 1
name: counter-motoko
on: {push: {branches: [main]}, tag: {patterns: ["v*"]}, manual: true}
environment: {KEY: value}
stages:
  build:
    runtime: motoko
    commands: ["moc src/main.mo -o build/counter.wasm"]
    resources: {memory: 2GiB, storage: 1GiB, output: 1MiB, processes: 64, timeout: 10m}
    artifacts: [build/counter.wasm, build/counter.did]
    replicas: 3
    quorum: 2
    retries: 1
gates: [{max_artifact_size: 2MiB}]
approval: {approvers: [], threshold: 1, expires: 24h}
deploy:
  target: counter-motoko
  stage: build
  artifact: build/counter.wasm
  memory: keep
  install_arg: "()"
  upgrade_arg: {hex: 4449444c0000}
"""
SMALLEST = "version: 1\nname: a\nstages: {b: {runtime: shell, commands: ['true']}}\n"


def errors_of(text: str | bytes) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(content)
    assert caught.value.errors
    return [str(error) for error in caught.value.errors]


def test_the_format_of_the_documentation_is_accepted() -> None:
    pipeline = parse_pipeline(GOOD.encode())
    assert pipeline.on.push is not None
    assert pipeline.on.push.branches == ["main"]
    assert pipeline.stages["build"].resources.memory == 2 << 30
    assert pipeline.stages["build"].resources.timeout == 600
    assert pipeline.gates[0].max_artifact_size == 2 << 20
    assert pipeline.approval.expires == 86_400
    (deploy,) = pipeline.deploy
    assert deploy.install_arg.encoded == deploy.upgrade_arg.encoded == b"DIDL\0\0"


def test_what_is_left_out_has_defaults() -> None:
    pipeline = parse_pipeline(SMALLEST.encode())
    assert pipeline.on.manual
    assert (pipeline.stages["b"].replicas, pipeline.stages["b"].quorum) == (3, 2)
    assert pipeline.deploy == []


def test_a_quorum_above_replicas_names_file_line_column_and_field() -> None:
    (error,) = errors_of(GOOD.replace("quorum: 2", "quorum: 4"))
    assert error == "dcanary.yml:12:5: stages.build.quorum: must be at most replicas (3)"


@pytest.mark.parametrize(("replicas", "quorum", "least"), [(3, 1, 2), (4, 2, 3), (2, 1, 2)])
def test_a_quorum_that_two_results_could_reach_is_refused(
    replicas: int, quorum: int, least: int
) -> None:
    text = GOOD.replace("quorum: 2", f"quorum: {quorum}").replace(
        "replicas: 3", f"replicas: {replicas}"
    )
    assert errors_of(text) == [
        "dcanary.yml:12:5: stages.build.quorum: must be more than half of replicas "
        f"({replicas}): at least {least}"
    ]


def test_a_quorum_that_is_left_out_is_held_against_the_replicas() -> None:
    text = GOOD.replace("    quorum: 2\n", "").replace("replicas: 3", "replicas: 5")
    (error,) = errors_of(text)
    assert "stages.build" in error
    assert "quorum" in error
    assert "at least 3" in error


def test_all_errors_of_a_file_are_reported_at_once_in_order() -> None:
    bad = GOOD.replace("quorum: 2", "quorum: 4\n    quorums: 1").replace("2GiB", "2Gib")
    bad = bad.replace("runtime: motoko", "runtime: cobol").replace("stage: build", "stage: nope")
    errors = errors_of(bad.replace("KEY: value", "KEY: 1, KEY: 2"))
    assert [error.split(": ")[1] for error in errors] == [
        "environment.KEY",
        "environment.KEY",
        "stages.build.runtime",
        "stages.build.resources.memory",
        "stages.build.quorum",
        "stages.build.quorums",
        "deploy.stage",
    ]
    lines = [int(error.split(":")[1]) for error in errors]
    assert lines == sorted(lines)
    assert "must be shell, python, motoko, node, rust or azle" in errors[2]
    assert "use one of kind, runtime, image, commands" in errors[5]


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        (("version: 1", "version: 2"), "version", "must be 1"),
        (("name: counter-motoko\n", "", ), "name", "is missing"),
        (("replicas: 3", "replicas: 14"), "stages.build.replicas", "at most 13"),
        (("replicas: 3", "replicas: true"), "stages.build.replicas", "whole number"),
        (("timeout: 10m", "timeout: 10"), "stages.build.resources.timeout", "needs a unit"),
        (("timeout: 10m", "timeout: 9d"), "stages.build.resources.timeout", "at most 25m"),
        (("build/counter.did", "../x"), "stages.build.artifacts[1]", "normalised"),
        (("build/counter.did", "/etc/x"), "stages.build.artifacts[1]", "relative"),
        (("build/counter.did", "build/counter.wasm"), "stages.build.artifacts[1]", "twice"),
        (("artifact: build/counter.wasm", "artifact: a"), "deploy.artifact", "not an artifact"),
        (('install_arg: "()"', 'install_arg: "(1"'), "deploy.install_arg", "argument"),
        (('install_arg: "()"', 'install_arg: "4449"'), "deploy.install_arg", "textual Candid"),
        (("hex: 4449444c0000", "hex: '00'"), "deploy.upgrade_arg", "Candid"),
        (("hex: 4449444c0000", "hex: 44"), "deploy.upgrade_arg", "quotes"),
        (("approvers: []", "approvers: [2vxsx-fae]"), "approval.approvers[0]", "anonymous"),
        (("approvers: [], threshold: 1", "approvers: [rrkah-fqaaa-aaaaa-aaaaq-cai], threshold: 2"),
         "approval.threshold", "number of approvers (1)"),
        (("KEY: value", "PATH: value"), "environment.PATH", "set by the executor"),
        (("manual: true", "pull_request: {types: [a]}"), "on.pull_request.types[0]", "opened"),
        (("[main]", "[a..b]"), "on.push.branches[0]", "pattern"),
        (("push: {branches: [main]}", "push: {branches: []}"), "on.push.branches", "at least 1"),
        (("retries: 1", "depends_on: [x]"), "stages.build.depends_on[0]", "no stage x"),
        (("retries: 1", "depends_on: [build]"), "stages.build.depends_on[0]", "itself"),
    ],
)  # fmt: skip
def test_each_wrong_field_is_named(change: tuple[str, str], field: str, words: str) -> None:
    assert change[0] in GOOD
    (error,) = errors_of(GOOD.replace(*change))
    assert f": {field}: " in error
    assert words in error


def test_two_stages_that_bring_the_same_file_to_a_third_are_refused() -> None:
    made = "{runtime: shell, commands: ['true'], artifacts: [out]}"
    used = "{runtime: shell, commands: ['true'], depends_on: [a, b]}"
    stages = f"  a: {made}\n  b: {made}\n  c: {used}\n"
    (error,) = errors_of(f"version: 1\nname: a\nstages:\n{stages}")
    assert error.endswith("stages.c.depends_on[1]: a and b both bring out")


def test_a_circle_of_stages_is_shown() -> None:
    stage = "{{runtime: shell, commands: ['true'], depends_on: [{}]}}"
    stages = "\n".join(f"  {a}: {stage.format(b)}" for a, b in ("ab", "bc", "ca"))
    (error,) = errors_of(f"version: 1\nname: a\nstages:\n{stages}\n")
    assert error.endswith("stages.a.depends_on: stages depend in a circle: a -> b -> c -> a")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"- 1", "must be a mapping"),
        (b"a: [", "not valid YAML"),
        (b"a: \xff", "1:4: the file is not UTF-8"),
        (b"a: &x 1\nb: *x", "2:4: aliases"),
        (b"a: !!python/object:os.system x", "tags"),
        (b"a: 1\n---\nb: 2", "more than one YAML document"),
        (b"a: " + b"[" * 1000, "nested deeper"),
        (b"a: 1\n" * 100_000, "at most"),
        (b"".join(b"k%d: 1\n" % n for n in range(20_000)), "10000:8: the file has more than 20000"),
        (b"a: [" + b"1," * 100_000, "1:39999: the file has more than 20000 keys and values"),
        (b"a: \x00", "not valid YAML"),
        (b"{[a]: 1}", "keys must be text"),
    ],
)
def test_what_no_pipeline_needs_is_refused(content: bytes, words: str) -> None:
    assert any(words in error for error in errors_of(content))


def test_a_pipeline_with_every_list_full_is_not_too_large() -> None:
    lists = ("commands", "artifacts", "depends_on", "secrets")
    full = "".join(f"    {name}: [{', '.join(['x'] * 64)}]\n" for name in lists)
    variables = "".join(f"      V{n}: x\n" for n in range(64))
    stage = f"{full}    environment:\n{variables}    cache: [{', '.join(['x'] * 64)}]\n"
    text = "stages:\n" + "".join(f"  s{n}:\n{stage}" for n in range(32))
    assert read_source(text.encode(), "dcanary.yml").errors == []


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PipelineFileError, match=r"cannot be read: No such file") as caught:
        load_pipeline(tmp_path / "dcanary.yml")
    assert caught.value.errors[0].file == str(tmp_path / "dcanary.yml")


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused_with_a_place(content: bytes) -> None:
    try:
        parse_pipeline(content)
    except PipelineFileError as error:
        assert all(re.match(r"dcanary\.yml:\d+:\d+: ", str(each)) for each in error.errors)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)  # fmt: skip
_keys = st.sampled_from(
    ["version", "name", "on", "environment", "stages", "gates", "approval", "deploy"]
)


@given(st.dictionaries(_keys, _values))
def test_any_values_under_the_known_keys_give_errors_with_their_field(
    values: dict[str, object],
) -> None:
    try:
        parse_pipeline(yaml.safe_dump(values, allow_unicode=True).encode())
    except PipelineFileError as error:
        assert all(isinstance(each, FieldError) and each.message for each in error.errors)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("name: counter-motoko", "name: x\nnotifications: {email: x}", "notifications"),
        ("retries: 1", "rollout: 2", "stages.build.rollout"),
    ],
)
def test_a_key_that_is_planned_says_that_it_is_not_supported_yet(
    old: str, new: str, field: str
) -> None:
    assert old in GOOD
    (error,) = errors_of(GOOD.replace(old, new, 1))
    assert error.endswith(f": {field}: is not supported yet: remove it")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("instructions: 20000000000", "instructions of native tools cannot be counted"),
        ("network_calls: true", "must be a whole number"),
        ("cycles: -1", "must be at least 0"),
        ("network: true, network_calls: 0", "network: true asks for it"),
        ("network: true, network_calls: 50", "calls of native tools cannot be counted"),
        ("instruction_limit: 1", "instructions of native tools cannot be counted"),
    ],
)
def test_a_resource_that_nobody_can_bound_is_refused_with_the_reason(
    wanted: str, words: str
) -> None:
    (error,) = errors_of(GOOD.replace("{memory: 2GiB,", "{" + wanted + ", memory: 2GiB,"))
    assert "stages.build.resources" in error
    assert words in error


@pytest.mark.parametrize("bound", [0, 50])
def test_any_bound_of_calls_and_cycles_is_kept_by_a_stage_that_makes_none(bound: int) -> None:
    wanted = f"{{network_calls: {bound}, cycles: {bound}, memory: 2GiB,"
    text = GOOD.replace("{memory: 2GiB,", wanted)
    assert parse_pipeline(text.encode()).stages["build"].resources.network is False
