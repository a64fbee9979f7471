"""A counter whose value lives in stable memory, so that it survives upgrades."""

from kybra import StableBTreeMap, nat64, query, text, update

counters = StableBTreeMap[text, nat64](memory_id=0, max_key_size=64, max_value_size=16)

COUNTER = "count"


@update
def inc() -> nat64:
    """Add one; returns the new value."""
    value = (counters.get(COUNTER) or 0) + 1
    counters.insert(COUNTER, value)
    return value


@query
def get() -> nat64:
    """The value now."""
    return counters.get(COUNTER) or 0


@query
def greet(name: text) -> text:
    """A greeting that tells the value."""
    return f"Hello, {name}! The counter is at {counters.get(COUNTER) or 0}."
