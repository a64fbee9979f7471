"""Days of the Gregorian calendar, counted from 1 January 1970. Plain Python.

Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms" (the formulae).
"""


def days_from_civil(year: int, month: int, day: int) -> int:
    """The number of a day: 0 for 1970-01-01."""
    shifted = year - (month <= 2)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def civil_from_days(number: int) -> "tuple[int, int, int]":
    """(year, month, day) of a day's number."""
    number += 719_468
    era = number // 146_097
    of_era = number - era * 146_097
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + (3 if shifted < 10 else -9)
    return year + era * 400 + (month <= 2), month, day


def year_of_day(number: int) -> int:
    """The year that a day is in."""
    return civil_from_days(number)[0]


def days_in_month(year: int, month: int) -> int:
    """How many days a month has."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
