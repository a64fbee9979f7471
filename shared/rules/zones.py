"""Local time by the rule of a time zone, as POSIX writes it. Plain Python, without a database.

A zone's database changes with every release of it, and a canister has none: who registers a
schedule brings the rule that its zone has now, such as `CET-1CEST,M3.5.0,M10.5.0/3`. Source:
POSIX.1-2017, 8.3 (TZ), with hours beyond a day as in RFC 9636, 3.3.1.
"""

from shared.rules.days import days_from_civil, days_in_month, year_of_day
from shared.rules.limits import MAX_ZONE_RULE_CHARS

DAY = 86_400
HOUR = 3_600


class ZoneError(Exception):
    """A rule that cannot be read; the text is the end of a sentence."""


class Zone:
    """Offsets from UTC in seconds, east positive, and when the one of summer is in force.

    `begins` and `ends` are (kind, month or day, week, weekday, seconds) of local time; without them
    there is one offset all year.
    """

    __slots__ = ("begins", "ends", "standard", "summer")

    def __init__(
        self,
        standard: int,
        summer: int,
        begins: "tuple[str, int, int, int, int] | None",
        ends: "tuple[str, int, int, int, int] | None",
    ) -> None:
        self.standard = standard
        self.summer = summer
        self.begins = begins
        self.ends = ends

    def offset(self, at: int) -> int:
        """The offset at a moment, in seconds since 1970."""
        begins, ends = self.begins, self.ends
        if begins is None or ends is None:
            return self.standard
        year = year_of_day((at + self.standard) // DAY)
        first = _moment(begins, year) - self.standard
        last = _moment(ends, year) - self.summer
        is_summer = first <= at < last if first < last else not last <= at < first
        return self.summer if is_summer else self.standard

    def moments(self, local: int) -> "list[int]":
        """The moments at which clocks show `local` (seconds since 1970 as they show them).

        The earlier first: two when clocks are set back over it, none when they are set forward.
        """
        found = {local - offset for offset in (self.standard, self.summer)}
        return sorted(at for at in found if at + self.offset(at) == local)


def parse_zone(rule: str) -> Zone:
    """Read a rule. Raises ZoneError."""
    if not rule or len(rule) > MAX_ZONE_RULE_CHARS or not rule.isascii():
        raise ZoneError(
            f"must have 1 to {MAX_ZONE_RULE_CHARS} ASCII characters (MAX_ZONE_RULE_CHARS)"
        )
    names, _, rest = rule.partition(",")
    place = _after_name(names, 0)
    standard, place = _offset(names, place)
    if place == len(names):
        if rest:
            raise ZoneError("has days of change, and no second offset")
        return Zone(-standard, -standard, None, None)
    place = _after_name(names, place)
    summer = standard - HOUR
    if place < len(names):
        summer, place = _offset(names, place)
    dates = rest.split(",")
    if place != len(names) or len(dates) != 2:
        raise ZoneError("is no rule such as CET-1CEST,M3.5.0,M10.5.0/3")
    return Zone(-standard, -summer, _date(dates[0]), _date(dates[1]))


def _after_name(text: str, place: int) -> int:
    """Where an abbreviation ends that begins at `place`."""
    if text[place : place + 1] == "<":
        end = text.find(">", place)
        name = text[place + 1 : end]
        if end < 0 or not name or not all(each.isalnum() or each in "+-" for each in name):
            raise ZoneError("has an abbreviation that is none")
        return end + 1
    end = place
    while end < len(text) and text[end].isalpha():
        end += 1
    if end - place < 3:
        raise ZoneError("has an abbreviation of fewer than three letters")
    return end


def _offset(text: str, place: int) -> "tuple[int, int]":
    """Seconds west of UTC from `place` on, and where they end."""
    end = place
    while end < len(text) and text[end] in "+-0123456789:":
        end += 1
    return _seconds(text[place:end], 24), end


def _seconds(text: str, most_hours: int) -> int:
    sign = -1 if text.startswith("-") else 1
    parts = text[1:].split(":") if text[:1] in ("+", "-") else text.split(":")
    if not 1 <= len(parts) <= 3:
        raise ZoneError("has a time that is none")
    for each in parts:
        if not each.isdigit() or len(each) > 3:
            raise ZoneError("has a time that is none")
    hours, minutes, seconds = [int(each) for each in (*parts, "0", "0")][:3]
    if hours > most_hours or minutes > 59 or seconds > 59:
        raise ZoneError("has a time that is none")
    return sign * (hours * HOUR + minutes * 60 + seconds)


def _date(text: str) -> "tuple[str, int, int, int, int]":
    """A day of change with its time, 2 o'clock when it names none."""
    day, _, time = text.partition("/")
    if "/" in text and not time:
        raise ZoneError("has a day of change without the time that it announces")
    seconds = _seconds(time, 167) if time else 2 * HOUR
    if day.startswith("M"):
        parts = day[1:].split(".")
        if len(parts) == 3 and all(each.isdigit() and len(each) <= 2 for each in parts):
            month, week, weekday = int(parts[0]), int(parts[1]), int(parts[2])
            if 1 <= month <= 12 and 1 <= week <= 5 and weekday <= 6:
                return "M", month, week, weekday, seconds
    else:
        kind = "J" if day.startswith("J") else "N"
        number = day[1:] if kind == "J" else day
        least = 1 if kind == "J" else 0
        if number.isdigit() and len(number) <= 3 and least <= int(number) <= 365:
            return kind, int(number), 0, 0, seconds
    raise ZoneError("has a day of change that is none")


def _moment(date: "tuple[str, int, int, int, int]", year: int) -> int:
    """The local time of a change in a year, in seconds since 1970 as clocks show it before."""
    kind, number, week, weekday, seconds = date
    if kind == "M":
        first = days_from_civil(year, number, 1)
        day = 1 + (weekday - (first + 4) % 7) % 7 + 7 * (week - 1)
        if day > days_in_month(year, number):
            day -= 7
        return (first + day - 1) * DAY + seconds
    january = days_from_civil(year, 1, 1)
    if kind == "J":
        # 29 February is never counted: J60 is 1 March in every year.
        leap = days_in_month(year, 2) == 29 and number >= 60
        return (january + number - 1 + leap) * DAY + seconds
    return (january + number) * DAY + seconds
