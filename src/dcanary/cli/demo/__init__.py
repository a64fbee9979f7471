"""`dcanary demo`: the main job, each part real, from an empty folder to deployed canisters."""

from __future__ import annotations

import click

from dcanary.cli.context import Context, pass_context


@click.command()
@click.option("--stop", is_flag=True, help="Stop what an earlier demo left running.")
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
def demo(context: Context, stop: bool, examples: tuple[str, ...], keep_going: bool) -> None:
    """Push, build, agree, approve, deploy, upgrade: in a folder of its own (HOME/demo)."""
    from dcanary.cli.demo.main_job import MainJob, demo_home, stop_everything, usual_seconds
    from dcanary.cli.demo.reporter import Reporter, measured_pace

    home = demo_home(context.home)
    if stop:
        stopped = stop_everything(home)
        for name in stopped:
            context.output.say(f"stopped {name}")
        if not stopped:
            context.output.say(f"no demo was running in {home}")
        return
    chosen = list(examples) or ["counter-motoko", "counter-python"]
    reporter = Reporter(context.output.as_json, usual_seconds(len(chosen)), measured_pace())
    MainJob(home, chosen, reporter, keep_running=keep_going).run()
