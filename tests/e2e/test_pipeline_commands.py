"""docs/how-to/pipeline-by-commands.md, typed by a reader, and what the commands left on chain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_tutorial import steps
from tests.e2e.world import PATIENCE, ROOT, World, wait_until

PAGE = ROOT / "docs" / "how-to" / "pipeline-by-commands.md"
SOMEONE = "rrkah-fqaaa-aaaaa-aaaaq-cai"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reader types."""
    return tmp_path_factory.mktemp("typed")


def typed(world: World, folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A command of the page as a shell runs it, with `dcanary` of this Python."""
    programs = folder.parent / "programs"
    programs.mkdir(exist_ok=True)
    program = programs / "dcanary"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m dcanary "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        "DCANARY_HOME": str(world.home),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60 * PATIENCE,
    )


def test_every_command_of_the_page_works_and_prints_what_the_text_says(
    world: World, folder: Path
) -> None:
    known = steps(PAGE.read_text())
    assert len(known) > 12
    for step in known:
        done = typed(world, folder, step.command)
        assert done.returncode == 0, f"$ {step.command}\n{done.stdout}{done.stderr}"
        for line in step.printed:
            assert line in done.stdout, f"$ {step.command}\n{done.stdout}{done.stderr}"
    versions = world.system.pipeline_config.ask("pipeline_history", "counter", None)["items"]
    # Each time one version, whatever number of stages was changed.
    assert [one["version"] for one in versions] == [3, 2, 1]
    assert versions[0]["definition"] == versions[2]["definition"]
    assert [len(one["definition"]["stages"]) for one in versions] == [2, 1, 2]


def test_what_is_exported_registers_as_the_same_pipeline(world: World, folder: Path) -> None:
    done = typed(world, folder, "dcanary pipeline export counter > exported.yml")
    assert (done.returncode, done.stderr) == (0, "")
    before = world.system.pipeline_config.get_pipeline_config("counter")
    updated = typed(world, folder, "dcanary pipeline update exported.yml --repository counter")
    assert updated.returncode == 0, updated.stderr
    after = world.system.pipeline_config.get_pipeline_config("counter")
    assert (after["version"], after["definition"]) == (
        before["version"] + 1,
        before["definition"],
    )


def test_what_changes_nothing_is_not_sent(world: World, folder: Path) -> None:
    assert typed(world, folder, "dcanary pipeline edit counter --force").returncode == 0
    before = world.system.pipeline_config.get_pipeline_config("counter")["version"]
    done = typed(world, folder, "dcanary deploy-pipeline --repository counter")
    assert (done.returncode, "no difference" in done.stderr) == (0, True)
    assert world.system.pipeline_config.get_pipeline_config("counter")["version"] == before
    again = typed(world, folder, f"dcanary pipeline revert counter --to {before} --yes")
    assert again.returncode == 2
    assert "is in force" in " ".join(again.stderr.split())
    kept = typed(world, folder, "dcanary pipeline edit counter")
    assert (kept.returncode, "it is kept" in kept.stderr) == (2, True)


def test_a_revert_asks_before_it_sends(world: World, folder: Path) -> None:
    before = world.system.pipeline_config.get_pipeline_config("counter")["version"]
    done = typed(world, folder, "dcanary pipeline revert counter --to 2")
    assert done.returncode == 2
    assert "stage test removed" in done.stderr
    assert "use --yes" in done.stderr
    assert world.system.pipeline_config.get_pipeline_config("counter")["version"] == before


def test_who_may_approve_stays_until_a_draft_says_otherwise(world: World, folder: Path) -> None:
    def approvers() -> object:
        found = world.system.pipeline_config.get_pipeline_config("counter")
        return found["definition"]["approval"]["approvers"]

    deploy = "dcanary deploy-pipeline --repository counter"
    sent = typed(world, folder, f"{deploy} --approver {SOMEONE}")
    assert sent.returncode == 0, sent.stderr
    assert approvers() == [SOMEONE]
    add = "dcanary pipeline add-stage more --runtime shell --commands true"
    both = typed(world, folder, f"{add} && {deploy}")
    assert both.returncode == 0, both.stderr
    assert approvers() == [SOMEONE]


def test_the_health_of_an_executor_is_told(world: World, folder: Path) -> None:
    listed = json.loads(typed(world, folder, "dcanary --json executor list").stdout)
    one = next(each for each in listed if each["last_seen_ns"])
    done = typed(world, folder, f"dcanary executor health {one['executor']}")
    assert done.returncode == 0, done.stderr
    assert "0 of " in done.stdout
    assert one["operator"] in done.stdout


def test_a_run_that_waits_is_found_explained_and_in_the_queue(
    empty_world: World, tmp_path: Path
) -> None:
    place = tmp_path / "shop"
    place.mkdir()

    def say(command: str) -> str:
        done = typed(empty_world, place, command)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    say("dcanary repository add shop --clone-url https://git.example.org/shop.git")
    say("dcanary pipeline add-stage build --runtime shell --commands true")
    say("dcanary deploy-pipeline")
    say(f"dcanary run start shop --sha {'ab' * 20} --ref refs/heads/release/1")
    list_them = "dcanary run list --branch 'release/*' --since 1h"
    wait_until(lambda: "run-1" in say(f"{list_them} --state queued"), "the run is in the list")
    assert "none of the 1 runs" in say("dcanary run list --branch main")
    assert "none of the 1 runs" in say(f"{list_them} --state failed")
    explained = say("dcanary run explain run-1")
    assert "waiting for" in explained
    assert "start an executor: dcanary executor list" in explained
    queued = say("dcanary queue")
    assert "run-1/build" in queued
    assert "1 of at most" in queued
    say("dcanary run cancel run-1")
    assert "dcanary run start shop" in say("dcanary run explain run-1")
    assert "no stage waits" in say("dcanary queue")
