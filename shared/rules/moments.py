"""Moments as texts for people: kybra's Python has no calendar."""

from shared.rules.limits import SECOND_NS

DAY_SECONDS = 86_400


def clock_text(at_ns: int) -> str:
    """`13:34:08 UTC`, of nanoseconds since 1970."""
    seconds = at_ns // SECOND_NS % DAY_SECONDS
    return f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02} UTC"


def date_text(at_ns: int) -> str:
    """`2026-11-27 13:34:08 UTC`, of nanoseconds since 1970."""
    year, month, day = date_of(day_of(at_ns))
    return f"{year}-{month:02}-{day:02} {clock_text(at_ns)}"


def day_of(at_ns: int) -> int:
    """The number of days since 1970."""
    return at_ns // SECOND_NS // DAY_SECONDS


def date_of(days: int) -> "tuple[int, int, int]":
    """(year, month, day) of a number of days since 1970, in the Gregorian calendar."""
    # Years begin on the first of March here, so that a leap day is the last of its year.
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + 400 * era + (1 if month <= 2 else 0), month, day
