"""What the demo shows: steps with what remains, lines that fit, JSON for programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dcanary import folders
from dcanary.cli.demo import main_job
from dcanary.cli.demo.main_job import MainJob, usual_seconds
from dcanary.cli.demo.reporter import Reporter, remaining


def test_what_remains_follows_the_pace_so_far() -> None:
    usual = [60.0, 30.0, 30.0]
    assert remaining(usual, 0, 0.0) == "about 2 min"
    assert remaining(usual, 1, 60.0) == "about 60 s"
    assert remaining(usual, 1, 230.0) == "about 3 min"
    assert remaining(usual, 3, 120.0) == ""
    assert remaining([], 0, 0.0) == ""


def test_before_anything_was_done_the_pace_of_the_machine_counts() -> None:
    assert remaining([60.0, 60.0], 0, 0.0, pace=6.0) == "about 12 min"
    # What the steps themselves took counts more and more.
    assert remaining([60.0, 60.0], 1, 60.0, pace=6.0) == "about 2 min"


def test_a_step_says_its_number_of_how_many_and_what_remains(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Reporter(False, [50.0, 50.0]).step("Build"):
        pass
    assert "1/2 Build (about 2 min left)" in capsys.readouterr().out


def test_every_step_of_the_demo_has_a_usual_time() -> None:
    # 13 steps, and one more where the template must be made.
    assert len(usual_seconds(2)) in (13, 14)
    assert all(seconds > 0 for seconds in usual_seconds(1))


@pytest.mark.parametrize("template", [False, True], ids=["no template", "no modules"])
def test_an_empty_cache_is_reckoned_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, template: bool
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(main_job, "template_is_ready", lambda: template)
    cold = usual_seconds(2)
    monkeypatch.setattr(main_job, "template_is_ready", lambda: True)
    compiled = folders.compiled_modules() / "a.cwasm"
    compiled.parent.mkdir(parents=True)
    compiled.touch()
    warm = usual_seconds(2)
    assert len(cold) == len(warm) + (not template)
    # The first round builds and installs what no cache holds; the second is as always.
    assert cold[-4:] == warm[-4:]
    assert all(ours > usual for ours, usual in zip(cold[-7:-5], warm[-7:-5], strict=True))
    # Measured from a fresh clone with an empty cache, both examples: 189 s, of it 100 s template.
    assert sum(cold) > (189 if not template else 89)


def test_lines_fit_the_terminal_and_keep_their_indent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    Reporter(False).detail("counter: " + "word " * 40 + "\x1b[2J")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2
    assert all(len(line) <= 80 for line in lines)
    assert all(line.startswith(" " * 13) for line in lines[1:])
    assert "\x1b" not in "".join(lines)


def test_an_address_without_room_beside_its_name_has_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    url = f"http://{'x' * 66}"
    Reporter(False).detail(f"counter: webhook {url}")
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[-1].strip() == url


def test_the_closing_words_fit_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    home = Path(".dcanary") / "my demo"
    job = MainJob(home, ["counter-motoko", "counter-python"], Reporter(False), keep_running=True)
    job.closing_words()
    lines = capsys.readouterr().out.splitlines()
    # Both stay right after a change of folder.
    assert f"  export DCANARY_HOME='{tmp_path / home}'" in lines
    assert f'  export PATH="{Path(sys.executable).parent}:$PATH"' in lines
    # Folders are as long as they are; each stands alone in its line.
    assert all(len(line) <= 80 for line in lines if "  export " not in line)


def test_json_has_an_event_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(True)
    with reporter.step("Build"):
        reporter.good("done", run="run-1")
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["event"] for one in events] == ["step", "good", "done"]
    assert events[1]["run"] == "run-1"
