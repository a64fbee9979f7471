"""Patterns that values of parameters must match. Plain Python; the time is bounded.

A pattern is a row of characters, classes (`[a-z0-9_-]`, `[^/]`) and `.` (any character), each of
which may be followed by `*`, `+` or `?`; `\\` takes away the meaning of the next character. The
whole value must match. It is a part of what regular expressions are, matched by an automaton: `re`
may try every way to part a value, and a template would decide how long a check takes.
"""

from typing import NamedTuple

MAX_PATTERN_CHARS = 200


class Step(NamedTuple):
    """One element: the characters that it takes, or all others; how often."""

    characters: "frozenset[str]"
    others: bool
    once: bool
    again: bool

    def takes(self, letter: str) -> bool:
        return (letter in self.characters) != self.others


def steps_of(pattern: str) -> "list[Step] | str":
    """The elements of a pattern, or why it is none."""
    if len(pattern) > MAX_PATTERN_CHARS:
        return f"has {len(pattern)} characters, over {MAX_PATTERN_CHARS}"
    steps: list[Step] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        characters, others = frozenset(letter), False
        if letter in "*+?(){}|^$":
            return f"may not hold `{letter}` here: write `\\{letter}` for the character itself"
        if letter == "\\":
            if at == len(pattern):
                return "ends in `\\`"
            characters = frozenset(pattern[at])
            at += 1
        elif letter == ".":
            characters, others = frozenset(), True
        elif letter == "[":
            found = _class_of(pattern, at)
            if isinstance(found, str):
                return found
            characters, others, at = found
        repeat = pattern[at] if at < len(pattern) and pattern[at] in "*+?" else ""
        at += len(repeat)
        steps.append(Step(characters, others, repeat in ("", "+"), repeat in ("*", "+")))
    return steps


def _class_of(pattern: str, at: int) -> "tuple[frozenset[str], bool, int] | str":
    """The characters between brackets, whether all others are meant, and where it goes on."""
    others = pattern[at : at + 1] == "^"
    at += others
    found: set[str] = set()
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "\\":
            at += 1
        first = pattern[at : at + 1]
        if pattern[at + 1 : at + 2] == "-" and pattern[at + 2 : at + 3] not in ("", "]"):
            last = pattern[at + 2]
            if not first <= last < "\x7f":
                return f"has the range {first}-{last}, which is none of ASCII"
            found.update(chr(code) for code in range(ord(first), ord(last) + 1))
            at += 3
        else:
            found.add(first)
            at += 1
    if at >= len(pattern) or not found:
        return "has a `[` without its `]`, or nothing between them"
    return frozenset(found), others, at + 1


def matches(steps: "list[Step]", value: str) -> bool:
    """Whether the whole value matches; time is at most len(steps) x len(value)."""
    states = _with_skips(steps, {0})
    for letter in value:
        after: set[int] = set()
        for state in states:
            if state < len(steps) and steps[state].takes(letter):
                after.add(state + 1)
                if steps[state].again:
                    after.add(state)
        if not after:
            return False
        states = _with_skips(steps, after)
    return len(steps) in states


def _with_skips(steps: "list[Step]", states: "set[int]") -> "set[int]":
    """The states and those behind elements that may take nothing.

    An element with `+` that has taken a character is left by its own way.
    """
    reached = set(states)
    for state in states:
        while state < len(steps) and not steps[state].once:
            state += 1
            reached.add(state)
    return reached
