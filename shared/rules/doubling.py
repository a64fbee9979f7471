"""How long to wait after failures in a row. Plain Python."""

MAX_DOUBLINGS = 20
"""More are over every bound that there is; a number shifted further would only be large."""


def doubled(first: int, failures: int, longest: int) -> int:
    """`first` after the first of so many failures (from 1), twice as much after each further one,
    at most `longest`."""
    return min(first << min(failures - 1, MAX_DOUBLINGS), longest)
