"""Pipelines that are put together by commands, as the source document writes them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.main import run
from dcanary.cli.operations.drafts.sending import definition, repository_of
from dcanary.cli.operations.pipeline import read
from dcanary.client.errors import RefusedError
from dcanary.pipeline import Installation, load_pipeline, to_candid

BUILD = """dcanary pipeline add-stage build \
  --runtime motoko \
  --memory 2GB \
  --cycles 1000000000 \
  --commands "dfx build"
"""
TEST = """dcanary pipeline add-stage test \
  --runtime azle \
  --memory 1GB \
  --depends-on build \
  --commands "npm test"
"""
DRAFT = "dcanary.draft.yml"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: empty, with a name that is no pipeline's."""
    place = tmp_path / "My Counter"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv("DCANARY_HOME", raising=False)
    return place


def typed(command: str) -> int:
    """The exit code of a command as people type it."""
    return run(shlex.split(command)[1:])


def test_the_commands_of_the_source_document_make_its_pipeline(folder: Path) -> None:
    assert (typed(BUILD), typed(TEST)) == (0, 0)
    found = load_pipeline(folder / DRAFT)
    assert found.name == "my-counter"
    stages: list[Any] = to_candid(found, "counter")["stages"]
    assert [
        (s["name"], next(iter(s["runtime"])), s["commands"], s["depends_on"]) for s in stages
    ] == [
        ("build", "Motoko", ["dfx build"], []),
        ("test", "Azle", ["npm test"], ["build"]),
    ]
    assert [s["resources"]["memory_bytes"] for s in stages] == [2 * 10**9, 10**9]


def test_a_draft_is_the_form_that_other_commands_read(folder: Path) -> None:
    typed(BUILD)
    assert typed(f"dcanary pipeline validate {DRAFT}") == 0
    text = (folder / DRAFT).read_text()
    assert "\n  build:\n    runtime: motoko\n    commands:\n      - dfx build\n" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--runtime cobol --commands x", "--runtime: must be shell, python, motoko, node, rust or"),
        ("--runtime shell", "--commands: is missing"),
        ("--commands x", "--runtime: is missing"),
        ("--runtime shell --commands x --depends-on nope", "--depends-on: there is no stage nope"),
        ("--runtime shell --commands x --memory 2XB", "--memory: must be a size such as"),
        ("--runtime shell --commands x --memory 2", "--memory: needs a unit"),
        ("--runtime shell --commands x --memory 1TB", "--memory: must be a size such as"),
        ("--runtime shell --commands x --memory 100GB", "--memory: must be at most 64GiB"),
        ("--runtime shell --commands x --cycles many", "--cycles: must be a whole number"),
        ("--runtime shell --commands x --instructions 5", "--instructions: instructions of native"),
        ("--runtime shell --commands x --network --network-calls 5", "calls of native tools"),
        ("--runtime shell --commands x --env PATH=1", "--env PATH: PATH is set by the executor"),
        ("--runtime shell --commands x --env PATH", "write NAME=VALUE"),
        ("--runtime shell --commands x --replicas 2 --quorum 3", "quorum"),
        ("--runtime shell --commands x --pipeline other", "--pipeline names a new draft"),
        ("--runtime shell --commands x --replace", "there is no stage new"),
    ],
)
def test_what_is_wrong_is_one_message_and_leaves_the_draft(
    folder: Path, options: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(BUILD)
    before = (folder / DRAFT).read_text()
    capsys.readouterr()
    assert typed(f"dcanary pipeline add-stage new {options}") == 2
    printed = capsys.readouterr()
    assert said in " ".join(printed.err.split())
    assert printed.err.count("error:") == 1
    assert "Traceback" not in printed.err
    assert f"{DRAFT}:" not in printed.err
    assert (folder / DRAFT).read_text() == before


def test_a_stage_is_replaced_only_when_that_is_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(BUILD) == 0
    assert typed(BUILD) == 2
    assert "there is a stage build" in capsys.readouterr().err
    assert typed("dcanary pipeline add-stage build --runtime shell --commands x --replace") == 0
    assert load_pipeline(folder / DRAFT).stages["build"].model_dump()["runtime"] == "shell"


def test_a_stage_that_others_need_is_not_removed(folder: Path) -> None:
    typed(BUILD)
    typed(TEST)
    assert typed("dcanary pipeline remove-stage build") == 2
    assert typed("dcanary pipeline remove-stage test") == 0
    assert typed("dcanary pipeline remove-stage test") == 2
    assert list(load_pipeline(folder / DRAFT).stages) == ["build"]


@pytest.mark.parametrize(
    "stages",
    [
        "stages:\n  first: {runtime: shell, commands: [x]}\n",
        "stages:\n  - {name: first, runtime: shell, commands: [x]}\n",
    ],
)
def test_a_draft_begins_with_the_file_beside_it(
    folder: Path, stages: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "dcanary.yml").write_text(f"version: 1\nname: shop\non: {{manual: true}}\n{stages}")
    assert (
        typed("dcanary pipeline add-stage last --runtime shell --commands y --depends-on first")
        == 0
    )
    found = load_pipeline(folder / DRAFT)
    assert (found.name, list(found.stages)) == ("shop", ["first", "last"])
    assert typed("dcanary pipeline remove-stage last") == 0
    assert list(load_pipeline(folder / DRAFT).stages) == ["first"]


def test_a_fetch_stage_is_one_with_lock_files(folder: Path) -> None:
    (folder / "package-lock.json").write_text('{"lockfileVersion": 3, "packages": {}}')
    assert typed("dcanary pipeline add-stage packages --lock package-lock.json") == 0
    assert load_pipeline(folder / DRAFT).stages["packages"].kind == "fetch"


@pytest.mark.parametrize("command", ["dcanary pipeline diff", "dcanary deploy-pipeline"])
def test_without_a_draft_it_is_said_how_to_begin_one(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(command) == 2
    assert "dcanary pipeline add-stage NAME" in capsys.readouterr().err


class Repositories:
    """Registered repositories, as the webhook canister lists them."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.webhook = self

    def list_repositories(self, page: dict[str, Any]) -> dict[str, Any]:
        items = [{"repository": name} for name in self.names[: page["limit"]]]
        return {"items": items, "next": "x" if len(self.names) > page["limit"] else None}

    def get_repository(self, name: str) -> dict[str, Any]:
        if name not in self.names:
            raise RefusedError("NotFound", "there is none", "get_repository")
        return {"repository": name}


MANY = [f"r{number}" for number in range(20)]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [(["shop"], "shop"), (["a", "shop"], "shop"), (["other"], "other"), ([*MANY, "shop"], "shop")],
)
def test_a_draft_is_for_the_repository_of_its_name_or_for_the_only_one(
    names: list[str], chosen: str
) -> None:
    system: Any = Repositories(*names)
    assert repository_of(system, "shop") == chosen


@pytest.mark.parametrize(
    ("names", "said"),
    [([], "no repository is registered"), (["a", "b"], "there are a, b\n"), (MANY, "and others")],
)
def test_a_repository_that_cannot_be_told_must_be_named(names: list[str], said: str) -> None:
    system: Any = Repositories(*names)
    with pytest.raises(Exception, match="repository") as caught:
        repository_of(system, "shop")
    assert said in str(caught.value)


def test_who_may_approve_stays_when_the_draft_says_nothing_of_it(folder: Path) -> None:
    typed(BUILD)
    draft = folder / DRAFT
    someone = "rrkah-fqaaa-aaaaa-aaaaq-cai"
    policy = {"approvers": [someone], "threshold": 1, "ttl_seconds": 60}
    before: Any = {"version": 3, "definition": {"approval": policy}}
    made = definition(draft, read(draft), "shop", before, Installation())
    assert made["approval"] == policy
    draft.write_text(draft.read_text() + "approval: {approvers: []}\n")
    made = definition(draft, read(draft), "shop", before, Installation())
    assert made["approval"]["approvers"] == []
