"""What goes wrong with secrets."""


class SecretProblem(Exception):
    """A secret cannot be sealed, opened or given to a stage; the text says which and why."""
