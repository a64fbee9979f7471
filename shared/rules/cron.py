"""When a schedule is due: cron expressions of five fields. Plain Python.

Minute, hour, day of the month, month, day of the week, as Debian's cron and `cronsim` read them:
`*`, lists, ranges, steps, names of months and days, `L` (the last day of the month, or `5L` the
last Friday), `LW` (its last working day), `MON#2` (the second Monday). Where day of the month and
of the week are both given either is enough, unless one begins with `*`.

Over changes of the clocks: where minute and hour are both given, what falls into the hour that is
left out is due when it is over, and what falls into the hour that comes twice is due once. Where
one of them begins with `*`, each time that clocks show it counts. Source: cron(8) of Debian.
"""

from shared.rules.days import civil_from_days, days_from_civil, days_in_month
from shared.rules.limits import MAX_CRON_CHARS
from shared.rules.zones import DAY, Zone

MAX_YEARS = 50
"""Where no day matches for so long there is none: 29 February is a Monday every 28 years."""
LAST = -1
LAST_WORKING = -2
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
)
MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK = range(5)


class CronError(Exception):
    """An expression that cannot be read; the text is the end of a sentence."""


class Cron:
    """What an expression matches. Days of the week are 0 (Sunday) to 6; `nth` has (day of the week,
    which of the month), LAST for the last."""

    __slots__ = ("both", "days", "hours", "is_fixed", "minutes", "months", "nth", "weekdays")

    def __init__(self, fields: "list[str]", items: "list[set[int]]", nth: "set[tuple[int, int]]"):
        self.minutes, self.hours, self.days, self.months, week = items
        self.weekdays = {each % 7 for each in week}
        self.nth = nth
        self.both = fields[DAY_OF_MONTH].startswith("*") or fields[DAY_OF_WEEK].startswith("*")
        self.is_fixed = not fields[MINUTE].startswith("*") and not fields[HOUR].startswith("*")

    def matches_day(self, year: int, month: int, day: int, number: int) -> bool:
        """Whether it may be due on a day, which has this number since 1970."""
        of_month = self._matches_day_of_month(year, month, day, number)
        of_week = self._matches_day_of_week(year, month, day, number)
        return (of_month and of_week) if self.both else (of_month or of_week)

    def _matches_day_of_month(self, year: int, month: int, day: int, number: int) -> bool:
        if day in self.days:
            return True
        last = days_in_month(year, month)
        if LAST in self.days and day == last:
            return True
        if LAST_WORKING not in self.days:
            return False
        weekday = (number + last - day + 4) % 7
        return day == last - {6: 1, 0: 2}.get(weekday, 0)

    def _matches_day_of_week(self, year: int, month: int, day: int, number: int) -> bool:
        weekday = (number + 4) % 7
        if weekday in self.weekdays or (weekday, (day + 6) // 7) in self.nth:
            return True
        return (weekday, LAST) in self.nth and day + 7 > days_in_month(year, month)


def parse_cron(text: str) -> Cron:
    """Read an expression. Raises CronError."""
    if len(text) > MAX_CRON_CHARS or not text.isascii():
        raise CronError(f"must have at most {MAX_CRON_CHARS} ASCII characters (MAX_CRON_CHARS)")
    fields = text.upper().split()
    if len(fields) != len(_FIELDS):
        raise CronError(
            f"has {len(fields)} fields, not 5: minute, hour, day of the month, month, day of the "
            "week"
        )
    nth: set[tuple[int, int]] = set()
    items = []
    for kind, field in enumerate(fields):
        found: set[int] = set()
        for term in field.split(","):
            found |= _term(kind, term, nth)
        items.append(found)
    cron = Cron(fields, items, nth)
    if next_day(cron, 2000, 1, 1) is None:
        raise CronError("is never due: there is no such day")
    return cron


def _bad(kind: int, text: str) -> CronError:
    name, least, most = _FIELDS[kind]
    return CronError(f"has no {name} {text[:20]!r}: {least} to {most}, *, a-b, */n, a,b")


def _number(kind: int, text: str) -> int:
    if kind == MONTH and text in _MONTHS:
        return _MONTHS.index(text) + 1
    if kind == DAY_OF_WEEK and text in _WEEKDAYS:
        return _WEEKDAYS.index(text)
    _, least, most = _FIELDS[kind]
    if not text.isdigit() or len(text) > 3 or not least <= int(text) <= most:
        raise _bad(kind, text)
    return int(text)


def _term(kind: int, term: str, nth: "set[tuple[int, int]]") -> "set[int]":
    """What one term of a list matches; which day of the week of a month goes to `nth`."""
    _, least, most = _FIELDS[kind]
    if kind == DAY_OF_WEEK and term[:-1].isdigit() and term.endswith("L"):
        nth.add((_number(kind, term[:-1]) % 7, LAST))
        return set()
    if kind == DAY_OF_WEEK and "#" in term:
        day, _, which = term.partition("#")
        if which not in ("1", "2", "3", "4", "5"):
            raise _bad(kind, term)
        nth.add((_number(kind, day) % 7, int(which)))
        return set()
    if kind == DAY_OF_MONTH and term in ("L", "LW"):
        return {LAST if term == "L" else LAST_WORKING}
    whole, slash, step = term.partition("/")
    first, dash, last = whole.partition("-")
    if whole == "*":
        start, end = least, most
    elif dash:
        start, end = _number(kind, first), _number(kind, last)
    else:
        start = end = _number(kind, whole)
    if end < start:
        raise _bad(kind, term)
    if not slash:
        return set(range(start, end + 1))
    if start == end:
        end = most
    if not step.isdigit() or len(step) > 3 or int(step) == 0:
        raise _bad(kind, term)
    return set(range(start, end + 1, int(step)))


def next_day(cron: Cron, year: int, month: int, day: int) -> "int | None":
    """The number of the first day from a date on that it may be due on; None when there is none."""
    last_year = year + MAX_YEARS
    while year <= last_year:
        if month in cron.months:
            first = days_from_civil(year, month, 1)
            for each in range(day, days_in_month(year, month) + 1):
                if cron.matches_day(year, month, each, first + each - 1):
                    return first + each - 1
        day = 1
        month += 1
        if month > 12:
            year, month = year + 1, 1
    return None


def next_tick(cron: Cron, zone: Zone, after: int) -> "int | None":
    """When it is due next after a moment, both in seconds since 1970; None when never again."""
    return _next_fixed(cron, zone, after) if cron.is_fixed else _next_real(cron, zone, after)


def _next_fixed(cron: Cron, zone: Zone, after: int) -> "int | None":
    """By what clocks show: an hour that is left out is made up for, one that comes twice counts
    once."""
    local = after + zone.offset(after)
    # The second time that clocks show an hour, what was due in it lies behind.
    local = (local // 60) * 60
    while True:
        found = _next_local(cron, local)
        if found is None:
            return None
        shown = found
        moments = zone.moments(shown)
        while not moments:
            shown += 60
            moments = zone.moments(shown)
        if moments[0] > after:
            return moments[0]
        local = found


def _next_local(cron: Cron, local: int) -> "int | None":
    """The first matching minute after `local`, where no clock is ever changed."""
    local += 60
    number, second = local // DAY, local % DAY
    while True:
        found = next_day(cron, *civil_from_days(number))
        if found is None:
            return None
        if found > number:
            second = 0
        at = _in_day(cron, second)
        if at is not None:
            return found * DAY + at
        number, second = found + 1, 0


def _in_day(cron: Cron, second: int) -> "int | None":
    """The first matching second of a day from `second` on."""
    hour, minute = second // 3_600, second % 3_600 // 60
    for each in range(hour, 24):
        if each in cron.hours:
            for at in range(minute if each == hour else 0, 60):
                if at in cron.minutes:
                    return each * 3_600 + at * 60
    return None


def _next_real(cron: Cron, zone: Zone, after: int) -> "int | None":
    """By the time that passes: each time that clocks show a matching minute."""
    at = (after // 60 + 1) * 60
    while True:
        local = at + zone.offset(at)
        number, second = local // DAY, local % DAY
        found = next_day(cron, *civil_from_days(number))
        if found is None:
            return None
        if found > number:
            at = _first_of(zone, found * DAY, at)
            continue
        hour, minute = second // 3_600, second % 3_600 // 60
        if hour in cron.hours:
            later = [each for each in cron.minutes if each >= minute]
            if later and min(later) == minute:
                return at
            if later:
                at += (min(later) - minute) * 60
                continue
        # To the next full hour that clocks show, and look again: they may be changed until then.
        at += (60 - minute) * 60


def _first_of(zone: Zone, midnight: int, after: int) -> int:
    """The first moment of a day that begins at `midnight` on the clocks, later than `after`."""
    local = midnight
    while True:
        for at in zone.moments(local):
            if at > after:
                return at
        local += 60
