"""What leads on when an approved order cannot be carried out any more. Plain Python."""


def ask_again(run: str) -> str:
    """Name the command that asks people again about what `run` built. The clause ends open."""
    return f"`dcanary run retry {run}` asks people again, about what is there now"
