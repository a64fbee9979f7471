"""`dcanary demo`: the main job, each part real, from an empty folder to deployed canisters."""

from __future__ import annotations

from pathlib import Path

import click

from dcanary.cli.context import USUAL_HOME, Context, pass_context


def _tell_of_usual(context: Context, home: Path) -> None:
    """Say that a demo runs in the usual place, where one was looked for elsewhere.

    `DCANARY_HOME` of the tutorial stays set in a shell, and the demo was started without it.
    """
    from dcanary.cli.demo.home import demo_home, running

    usual = demo_home(USUAL_HOME.absolute())
    if usual.resolve() != home.resolve() and running(usual):
        context.output.progress(f"one runs in {usual}: dcanary --home {USUAL_HOME} demo --stop")


@click.command()
@click.option("--stop", is_flag=True, help="Stop what an earlier demo left running.")
@click.option(
    "--fresh", is_flag=True, help="Begin anew without a question, also while a demo runs."
)
@click.option(
    "--example",
    "examples",
    multiple=True,
    type=click.Choice(["counter-motoko", "counter-python"]),
    help="Only this one (default: both).",
)
@click.option(
    "--keep-going/--stop-after", default=True, help="Leave everything running at the end."
)
@pass_context
def demo(
    context: Context, stop: bool, fresh: bool, examples: tuple[str, ...], keep_going: bool
) -> None:
    """Push, build, agree, approve, deploy, upgrade: in a folder of its own (HOME/demo).

    What an earlier demo left there is deleted. While it still runs, that is asked before.
    """
    from dcanary.cli.demo.home import demo_home, emptied, stop_everything

    home = demo_home(context.home)
    if stop:
        stopped = stop_everything(home)
        for name in stopped:
            context.output.say(f"stopped {name}")
        if not stopped:
            context.output.say(f"no demo was running in {home}")
            _tell_of_usual(context, home)
        return

    def confirm(names: list[str]) -> None:
        if not fresh:
            context.output.confirm(_question(home, names), "--fresh, or first: dcanary demo --stop")
        context.output.progress(
            f"stopping the demo that runs: {', '.join(names)} (up to half a minute)"
        )

    with emptied(home, confirm):
        context.output.progress(f"the main job, in a folder of its own: {home}")
        from dcanary.cli.demo.main_job import MainJob, usual_seconds
        from dcanary.cli.demo.reporter import Reporter
        from dcanary.pace import measured_pace

        chosen = list(examples) or ["counter-motoko", "counter-python"]
        reporter = Reporter(context.output.as_json, usual_seconds(len(chosen)), measured_pace())
        MainJob(home, chosen, reporter, keep_running=keep_going).run()


def _question(home: Path, names: list[str]) -> str:
    return (
        f"a demo runs in {home} ({', '.join(names)}).\n"
        "  To go on with it, answer no. Stop it, delete its records and begin anew?"
    )
