"""Forms of arguments, checked before anything is called: what has none of them is a usage error.

The canisters check the same values again. Their refusal is another kind of failure with another
exit code, and comes after a connection is made.
"""

from __future__ import annotations

import math
import re
import time
from typing import Any

import click
from click.types import StringParamType

MAX_TARGET_CYCLES = 1_000_000_000_000_000
"""As in shared/rules/limits.py."""
MAX_OFFER_CHARS = 100
"""As in shared/rules/limits.py."""
MAX_VERSION = 2**32 - 1
_LOOKS = "a principal looks like rrkah-fqaaa-aaaaa-aaaaq-cai"
_OF_CANISTERS = 0x01
"""Last byte of the principals that a network gives to canisters (interface specification)."""
_NUMBER = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
_LOG_OF = re.compile(r"run-[1-9][0-9]{0,14}(?:/[^/]+(?:/[0-9]{1,5})?)?", re.ASCII)
_JOB = re.compile(r"run-[1-9][0-9]{0,14}/[^/]+/[0-9]{1,5}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_OPERATOR = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)

Parameter = click.Parameter | None
Where = click.Context | None


class Text(StringParamType):
    """Text that Candid can carry: the bytes of the command line were UTF-8."""

    def convert(self, value: Any, param: Parameter, ctx: Where) -> Any:
        text = super().convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            # Python keeps bytes that are no UTF-8 as lone surrogates.
            self.fail(f"{text!a} is not UTF-8", param, ctx)
        return text


class PrincipalText(Text):
    """A principal in its canonical form."""

    name = "principal"

    def convert(self, value: Any, param: Parameter, ctx: Where) -> Any:
        text = super().convert(value, param, ctx)
        self.raw(text, param, ctx)
        return text

    def raw(self, text: str, param: Parameter, ctx: Where) -> bytes:
        from dcanary.candid import principal

        try:
            found = principal.from_text(text)
        except ValueError:
            found = None
        if found is None or principal.to_text(found) != text:
            self.fail(f"{text!a} is not a principal: {_LOOKS}", param, ctx)
        return found


class CanisterText(PrincipalText):
    """The principal of a canister that can be called and looked at."""

    name = "canister"

    def __init__(self, *, or_none: bool = False) -> None:
        self._or_none = or_none

    def convert(self, value: Any, param: Parameter, ctx: Where) -> Any:
        return "" if self._or_none and value == "" else super().convert(value, param, ctx)

    def raw(self, text: str, param: Parameter, ctx: Where) -> bytes:
        found = super().raw(text, param, ctx)
        if not found:
            self.fail("aaaaa-aa is the management canister: name another one", param, ctx)
        if found[-1] != _OF_CANISTERS:
            self.fail(f"{text} is not a canister but who signs calls", param, ctx)
        return found


class RecordId(Text):
    """The id that a canister gave to a record: one of some words and a number, such as run-1."""

    name = "id"

    def __init__(self, *words: str) -> None:
        self._words = words

    def convert(self, value: Any, param: Parameter, ctx: Where) -> Any:
        text: str = super().convert(value, param, ctx)
        word, _, number = text.rpartition("-")
        if word not in self._words or not _NUMBER.fullmatch(number):
            looks = " or ".join(f"{one}-1" for one in self._words)
            self.fail(f"{text!a} is not an id such as {looks}", param, ctx)
        return text


class Matching(Text):
    """Text of one form."""

    def __init__(self, pattern: re.Pattern[str], looks: str) -> None:
        self._pattern, self._looks = pattern, looks

    def convert(self, value: Any, param: Parameter, ctx: Where) -> Any:
        text: str = super().convert(value, param, ctx)
        if not self._pattern.fullmatch(text):
            self.fail(f"{text!a} is not {self._looks}", param, ctx)
        return text


class Seconds(click.FloatRange):
    """A time to wait, in seconds."""

    def convert(self, value: Any, param: Parameter, ctx: Where) -> Any:
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number", param, ctx)
        return seconds


class Moment(Text):
    """A moment: so long ago (`10m`), a time of today (`22:40`), or a date and time; UTC unless it
    names another zone. Nanoseconds since 1970."""

    name = "time"

    def convert(self, value: Any, param: Parameter, ctx: Where) -> Any:
        from dcanary.cli.times import moment_of

        text = super().convert(value, param, ctx)
        try:
            return moment_of(text, time.time_ns())
        except ValueError:
            self.fail(
                f"{text!r} is no time: use 10m (ago), 22:40 (today, UTC) or 2026-11-27T22:40Z",
                param,
                ctx,
            )


class NameText(Text):
    """The name of a new repository or target."""

    def convert(self, value: Any, param: Parameter, ctx: Where) -> Any:
        from dcanary.pipeline.names import check_name

        text: str = super().convert(value, param, ctx)
        try:
            return check_name(text)
        except ValueError as error:
            self.fail(f"{text!a}: a name {error}", param, ctx)


class ExecutorNameText(Text):
    """The name of an executor of this installation, which is that of its folder, too."""

    def convert(self, value: Any, param: Parameter, ctx: Where) -> Any:
        # Loads what signs: too slow for commands that need no key.
        from dcanary.client.identity import NAME

        text: str = super().convert(value, param, ctx)
        if not NAME.fullmatch(text):
            looks = "a letter or digit, then at most 63 letters, digits, '.', '_' and '-'"
            self.fail(f"{text!a} is not a name of an executor: {looks}", param, ctx)
        return text


class OfferText(Text):
    """A word of an executor's offer, which stages ask for: its region, or a label."""

    def convert(self, value: Any, param: Parameter, ctx: Where) -> Any:
        text: str = super().convert(value, param, ctx)
        if len(text) > MAX_OFFER_CHARS:
            self.fail(f"{len(text)} characters: at most {MAX_OFFER_CHARS}", param, ctx)
        if not text.isprintable():
            self.fail(f"{text!a} holds characters that cannot be printed", param, ctx)
        return text


TEXT = Text()
PRINCIPAL = PrincipalText()
CANISTER = CanisterText()
CANISTER_OR_NONE = CanisterText(or_none=True)
RUN_ID = RecordId("run")
APPROVAL_ID = RecordId("approval")
APPROVAL_OR_RUN_ID = RecordId("approval", "run")
RELEASE_ID = RecordId("release")
RELEASE_OR_APPROVAL_ID = RecordId("release", "approval")
LOG_OF = Matching(_LOG_OF, "a run, a stage or a job, such as run-1, run-1/build, run-1/build/0")
JOB = Matching(_JOB, "a job, such as run-1/build/0")
COMMIT = Matching(_COMMIT, "a full commit id of 40 or 64 lower-case hexadecimal digits")
SHA256 = Matching(_SHA256, "64 lower-case hexadecimal digits")
OPERATOR = Matching(_OPERATOR, "a name of 1 to 64 letters, digits, '.', '_' and '-'")
SECONDS = Seconds(min=0)
MOMENT = Moment()
NAME = NameText()
EXECUTOR_NAME = ExecutorNameText()
OFFER = OfferText()
CYCLES = click.IntRange(0, MAX_TARGET_CYCLES)
SENT_CYCLES = click.IntRange(1, MAX_TARGET_CYCLES)
VERSION = click.IntRange(1, MAX_VERSION)


def checked(command: click.Command) -> click.Command:
    """The command with every parameter that is plain text checked as Text, in its groups too."""
    for parameter in command.params:
        if type(parameter.type) is StringParamType:
            parameter.type = TEXT
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            checked(inner)
    return command
