"""A guest of a few lines with the interface that the glue needs, for tests of the build alone."""

METHODS = []
STATE = {}


def update(function):
    METHODS.append(("canister_update", function))
    return function


def query(function):
    METHODS.append(("canister_query", function))
    return function
