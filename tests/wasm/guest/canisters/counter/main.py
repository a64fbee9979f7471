"""A counter in a stable map: the smallest canister with state."""

from kybra import (
    GuardResult,
    Manual,
    Opt,
    Principal,
    Record,
    StableBTreeMap,
    Tuple,
    Variant,
    Vec,
    blob,
    ic,
    init,
    nat,
    nat64,
    null,
    post_upgrade,
    query,
    update,
    void,
)

counters = StableBTreeMap[str, nat64](memory_id=0, max_key_size=100, max_value_size=100)
people = StableBTreeMap[Principal, "Person"](memory_id=1, max_key_size=50, max_value_size=10_000)
heap: list[int] = []


class Colour(Variant, total=False):
    Red: null
    Mixed: Vec["Colour"]


class Person(Record):
    name: str
    from_: Opt[str]
    colour: Colour
    parent: Opt["Person"]
    pairs: Vec[Tuple[str, nat]]
    photo: blob


@init
def init_(start: nat64) -> void:
    counters.insert("main", start)


@post_upgrade
def after() -> void:
    counters.insert("upgrades", (counters.get("upgrades") or 0) + 1)


def only_known() -> GuardResult:
    if ic.caller().to_str() == "2vxsx-fae":
        return {"Err": "anonymous callers are not let in"}
    return {"Ok": None}


@update
def increment(by: nat64) -> nat64:
    value = (counters.get("main") or 0) + by
    counters.insert("main", value)
    heap.append(value)
    if value > 100:
        ic.trap("more than a hundred")
    return value


@update
def fail() -> void:
    counters.insert("main", 0)
    heap.append(0)
    raise ValueError("a bug")


@query
def read(key: str) -> Opt[nat64]:
    heap.append(1)
    return counters.get(key)


@query
def heap_size() -> nat64:
    return len(heap)


@update(guard=only_known)
def set_person(person: Person) -> Opt[Person]:
    return people.insert(ic.caller(), person)


@query
def get_person(who: Principal) -> Opt[Person]:
    return people.get(who)


@query
def whoami() -> Principal:
    return ic.caller()


@update
def manual(text: str) -> Manual[str]:
    if text == "no":
        ic.reject("as you wish")
    else:
        ic.reply(text + "!")
