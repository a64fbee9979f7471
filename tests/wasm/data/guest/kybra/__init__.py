"""A guest of a few lines with the interface that the glue needs, for tests of the build alone."""

# Runs in the canister's interpreter only.
# mypy: ignore-errors

METHODS = []
CALLBACKS = {}
STATE = {}


def update(function):
    METHODS.append(("canister_update", function))
    return function


def query(function):
    METHODS.append(("canister_query", function))
    return function


def callback(function):
    CALLBACKS[function.__name__] = function
    return function
