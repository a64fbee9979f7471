"""The one error type of all canisters: a kind for programs, a sentence for people."""

from kybra import Variant, null, text


class Error(Variant, total=False):
    """Why a call was refused. Each sentence says what happened, where, and what to do."""

    NotFound: text
    Denied: text
    Invalid: text
    Conflict: text
    TooLarge: text
    Exhausted: text
    Unavailable: text


class Done(Variant, total=False):
    """Result of an update that returns nothing but success."""

    Ok: null
    Err: Error
