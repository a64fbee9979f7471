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


def not_found(sentence: str) -> Error:
    return {"NotFound": sentence}


def denied(sentence: str) -> Error:
    return {"Denied": sentence}


def invalid(sentence: str) -> Error:
    return {"Invalid": sentence}


def conflict(sentence: str) -> Error:
    return {"Conflict": sentence}


def too_large(sentence: str) -> Error:
    return {"TooLarge": sentence}


def exhausted(sentence: str) -> Error:
    return {"Exhausted": sentence}


def unavailable(sentence: str) -> Error:
    return {"Unavailable": sentence}
