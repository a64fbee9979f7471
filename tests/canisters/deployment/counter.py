"""A canister to be released: counts in stable memory. STEP and TRAPS differ between versions."""

from kybra import StableBTreeMap, ic, nat64, post_upgrade, query, text, update, void

STEP = 1
TRAPS = False

counts = StableBTreeMap[text, nat64](memory_id=0, max_key_size=30, max_value_size=20)


@post_upgrade
def post_upgrade_() -> void:
    if TRAPS:
        ic.trap("this version cannot be upgraded to")


@update
def increment() -> nat64:
    count = (counts.get("count") or 0) + STEP
    counts.insert("count", count)
    return count


@query
def read() -> nat64:
    return counts.get("count") or 0
