"""`dcanary completion`: what shells ask to complete commands and options."""

from __future__ import annotations

import click

from dcanary.cli.context import Context, pass_context
from dcanary.cli.main import ASKS_FOR_COMPLETION

SHELLS = ("bash", "fish", "zsh")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@pass_context
def completion(context: Context, shell: str) -> None:
    """Print the completion of commands and options for SHELL.

    \b
    bash   eval "$(dcanary completion bash)" in ~/.bashrc
    zsh    eval "$(dcanary completion zsh)" in ~/.zshrc
    fish   dcanary completion fish > ~/.config/fish/completions/dcanary.fish
    """
    from click.shell_completion import get_completion_class

    from dcanary.cli.app import cli

    found = get_completion_class(shell)
    assert found is not None, shell
    source = found(cli, {}, "dcanary", ASKS_FOR_COMPLETION).source()
    context.output.text(source.rstrip("\n"))
