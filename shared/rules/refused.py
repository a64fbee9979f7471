"""The one way in which rules and services say no.

`raise not_found("…")` ends the work of a call; `shared.base.results` turns it into the `Err` that
the caller gets. Rules raise before anything is written: an exception does not undo what a call has
written to stable maps. Plain Python.
"""

KINDS = (
    "NotFound",
    "Denied",
    "Invalid",
    "Conflict",
    "TooLarge",
    "Exhausted",
    "Unavailable",
)
"""The cases of `shared.types.errors.Error`."""


class Refused(Exception):
    """A call that is not carried out: a kind for programs and a sentence for people.

    The sentence says what happened, where, and what to do.
    """

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.sentence = sentence


def not_found(sentence: str) -> Refused:
    """What was named does not exist."""
    return Refused("NotFound", sentence)


def denied(sentence: str) -> Refused:
    """The caller may not do this."""
    return Refused("Denied", sentence)


def invalid(sentence: str) -> Refused:
    """The argument breaks a rule; the sentence names the field."""
    return Refused("Invalid", sentence)


def conflict(sentence: str) -> Refused:
    """The call does not fit the state that things are in."""
    return Refused("Conflict", sentence)


def too_large(sentence: str) -> Refused:
    """A size limit, named in the sentence, was exceeded."""
    return Refused("TooLarge", sentence)


def exhausted(sentence: str) -> Refused:
    """A count limit, named in the sentence, is reached for now: later it may succeed."""
    return Refused("Exhausted", sentence)


def unavailable(sentence: str) -> Refused:
    """Something that is needed does not answer now: later it may succeed."""
    return Refused("Unavailable", sentence)
