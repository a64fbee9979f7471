"""A stage with a matrix stands for one stage for each combination of its values."""

from __future__ import annotations

import time

import pytest

from dcanary.pipeline import PipelineFile, PipelineFileError, parse_pipeline, to_candid

FILE = """\
version: 1
name: main
stages:
  lib:
    runtime: shell
    commands: [make]
    artifacts: [lib.a]
  build:
    runtime: motoko
    depends_on: [lib]
    commands: ["moc --version", "make ${{matrix.profile}} $HOME ${{OTHER}}"]
    environment: {{MOC: "${{matrix.moc}}"}}
    artifacts: ["out-${{matrix.moc}}-${{matrix.profile}}.wasm"]
    matrix: {matrix}
  check:
    runtime: shell
    depends_on: [{after}]
    commands: [ls]
"""
TWO_BY_TWO = '{moc: ["0.14", 0.16], profile: [release, debug]}'


def parsed(matrix: str = TWO_BY_TWO, after: str = "build") -> PipelineFile:
    return parse_pipeline(FILE.format(matrix=matrix, after=after).encode())


def problems(matrix: str, after: str = "build", **changes: str) -> list[str]:
    text = FILE.format(matrix=matrix, after=after)
    for old, new in changes.items():
        text = text.replace(old, new)
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(text.encode())
    return [str(error) for error in caught.value.errors]


def test_each_combination_is_a_stage_with_its_values_filled_in() -> None:
    stages = parsed().stages
    names = ["build-0.14-release", "build-0.14-debug", "build-0.16-release", "build-0.16-debug"]
    assert list(stages) == ["lib", *names, "check"]
    made = stages["build-0.16-debug"].model_dump()
    assert made["commands"] == ["moc --version", "make debug $HOME ${OTHER}"]
    assert made["environment"] == {"MOC": "0.16"}
    assert made["artifacts"] == ["out-0.16-debug.wasm"]


def test_who_depends_on_the_stage_depends_on_all_of_its_stages() -> None:
    stages = parsed(after="lib, build").stages
    assert stages["check"].model_dump()["depends_on"] == [
        "lib",
        "build-0.14-release",
        "build-0.14-debug",
        "build-0.16-release",
        "build-0.16-debug",
    ]
    assert stages["build-0.14-debug"].model_dump()["depends_on"] == ["lib"]


def test_one_of_its_stages_can_be_depended_on_alone() -> None:
    stages = parsed(after="build-0.14-debug").stages
    assert stages["check"].model_dump()["depends_on"] == ["build-0.14-debug"]


def test_the_record_of_each_names_its_group() -> None:
    approver = "rrkah-fqaaa-aaaaa-aaaaq-cai"
    record = to_candid(parsed(), "counter", [approver])
    groups = {stage["name"]: stage["group"] for stage in record["stages"]}
    assert groups == {
        "lib": None,
        "build-0.14-release": "build",
        "build-0.14-debug": "build",
        "build-0.16-release": "build",
        "build-0.16-debug": "build",
        "check": None,
    }


def test_combinations_can_be_excluded_and_further_ones_included() -> None:
    given = (
        '{moc: ["0.14", "0.16"], profile: [release, debug], exclude: [{profile: debug}], '
        'include: [{moc: "0.13", profile: debug}]}'
    )
    assert list(parsed(given).stages)[1:-1] == [
        "build-0.14-release",
        "build-0.16-release",
        "build-0.13-debug",
    ]


def test_an_image_may_come_from_the_matrix() -> None:
    text = FILE.format(matrix="{moc: [base, motoko], profile: [x]}", after="build")
    stages = parse_pipeline(
        text.replace("    environment:", '    image: "${matrix.moc}"\n    environment:').encode()
    ).stages
    images = {stages[name].model_dump()["image"] for name in ("build-base-x", "build-motoko-x")}
    assert len(images) == 2
    assert None not in images


def test_numbers_and_truth_values_are_written_as_in_the_file() -> None:
    given = "{moc: [1, 2], profile: [true]}"
    assert list(parsed(given).stages)[1:-1] == ["build-1-true", "build-2-true"]


@pytest.mark.parametrize(
    ("matrix", "told"),
    [
        ("[a, b]", "stages.build.matrix: must be a mapping of names to lists of values"),
        ("build", "stages.build.matrix: must be a mapping of names to lists of values"),
        ("{}", "stages.build.matrix: must name at least one list of values"),
        ("{include: []}", "stages.build.matrix: must name at least one list of values"),
        ("{moc: [], profile: [a]}", "stages.build.matrix.moc: must be a list of values"),
        ("{moc: x, profile: [a]}", "stages.build.matrix.moc: must be a list of values"),
        ("{Moc: [x]}", "stages.build.matrix.Moc: must be lower-case letters"),
        ("{moc: [{a: b}]}", "stages.build.matrix.moc[0]: must be text, a whole number"),
        ("{moc: [a, a]}", "stages.build.matrix.moc[1]: a is listed twice"),
        ("{moc: [a/b]}", "stages.build.matrix: build-a/b is the name of a stage: it must be"),
        ("{moc: [" + "x" * 64 + "]}", "it must have at most 64 characters"),
        ("{moc: [a-b, a], profile: [c, b-c]}", "makes the stage build-a-b-c twice"),
        ("{moc: [a], profile: [b], exclude: [{moc: c}]}", "exclude[0]: matches no combination"),
        ("{moc: [a], profile: [b], exclude: [{moc: a}]}", "matrix: excludes all combinations"),
        ("{moc: [a], exclude: [{os: a}]}", "exclude[0]: os is none of the matrix: use moc"),
        ("{moc: [a], exclude: a}", "matrix.exclude: must be a list of mappings"),
        ("{moc: [a], profile: [b], include: [{moc: c}]}", "include[0]: must give profile too"),
        ("{moc: [a], include: [{moc: a}]}", "include[0]: is one of the combinations already"),
    ],
)
def test_a_wrong_matrix_is_told_with_its_line_and_field(matrix: str, told: str) -> None:
    found = problems(matrix)
    assert any(told in each for each in found), found
    assert any(each.startswith("dcanary.yml:14:") for each in found), found


@pytest.mark.parametrize("matrix", ["{moc: [1, '1'], profile: [a]}", "{moc: [null], profile: [a]}"])
@pytest.mark.parametrize("use", ["commands: [$MOC]", "runtime: $MOC", "environment: {MOC: $MOC}"])
def test_a_wrong_matrix_makes_no_mistakes_of_its_uses(matrix: str, use: str) -> None:
    key, _, _ = use.partition(":")
    lines = FILE.format(matrix="", after="").splitlines()[8:]
    old = next(line.strip() for line in lines if line.strip().startswith(f"{key}:"))
    (said,) = problems(matrix, **{old: use.replace("$MOC", '"${matrix.moc}"')})
    assert said.startswith("dcanary.yml:14:")


def test_a_wrong_matrix_makes_no_mistakes_of_names_that_it_may_stand_for() -> None:
    deploy = "\ndeploy: {target: t, stage: build-b-a, artifact: out.wasm}\n"
    changes = {"[ls]\n": f"[ls]{deploy}"}
    (said,) = problems("{moc: [b, b], profile: [a]}", "build-b-a", **changes)
    assert "moc[1]: b is listed twice" in said


def test_a_value_that_is_missing_is_one_mistake() -> None:
    changes = {'"moc --version"': '"${matrix.nope}"'}
    assert problems(TWO_BY_TWO, **changes) == [
        "dcanary.yml:11:16: stages.build.commands[0]: there is no matrix.nope: use one of moc, "
        "profile"
    ]


def test_a_matrix_of_a_thousand_is_refused_with_its_limit() -> None:
    values = ", ".join(f"v{number}" for number in range(1_000))
    found = problems(f"{{moc: [{values}], profile: [x]}}")
    assert (
        "dcanary.yml:14:5: stages.build.matrix: makes 1,000 stages: a pipeline has at most 32 "
        "(MAX_STAGES_PER_PIPELINE)"
    ) in found


def test_a_matrix_of_a_million_is_refused_at_once() -> None:
    values = ", ".join(f"v{number}" for number in range(100))
    begun = time.monotonic()
    found = problems(f"{{moc: [{values}], profile: [{values}], third: [{values}]}}")
    assert time.monotonic() - begun < 10
    assert any("makes 1,000,000 stages" in each for each in found)


def test_more_stages_than_a_pipeline_has_are_refused_also_when_each_matrix_is_small() -> None:
    values = ", ".join(f"v{number}" for number in range(31))
    found = problems(f"{{moc: [{values}], profile: [x]}}")
    assert any("stages: must have at most 32 entries" in each for each in found), found


def test_a_value_that_the_matrix_has_not_is_told_where_it_is_used() -> None:
    found = problems('{moc: ["0.14"]}')
    assert any(
        "11:" in each
        and "stages.build.commands[1]: there is no matrix.profile: use one of moc" in each
        for each in found
    ), found


def test_a_use_in_a_stage_without_a_matrix_is_told() -> None:
    found = problems(TWO_BY_TWO, **{"[ls]": '["echo ${matrix.moc}"]'})
    assert any("check.commands[0]: there is no matrix.moc" in each for each in found), found


def test_an_error_in_a_stage_that_was_made_names_its_line_in_the_file() -> None:
    text = FILE.format(matrix='{moc: ["0.14"], profile: [a]}', after="build")
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(text.replace("runtime: motoko", "runtime: cobol").encode())
    (error,) = caught.value.errors
    assert (error.line, error.field) == (9, "stages.build-0.14-a.runtime")


def test_a_stage_in_the_file_keeps_its_name() -> None:
    text = FILE.format(matrix="{moc: [a]}", after="build").replace("  check:", "  build-a:")
    with pytest.raises(PipelineFileError) as caught:
        parse_pipeline(text.encode())
    told = [str(error) for error in caught.value.errors]
    assert any("makes the stage build-a, which is in the file" in each for each in told), told
