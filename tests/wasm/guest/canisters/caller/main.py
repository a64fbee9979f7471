"""A canister that calls others: generators, rejections, timers, notifications."""

from kybra import (
    Async,
    CallResult,
    Duration,
    NotifyResult,
    Opt,
    Principal,
    RejectionCode,
    Service,
    StableBTreeMap,
    TimerId,
    Variant,
    Vec,
    blob,
    ic,
    nat,
    nat64,
    query,
    service_query,
    service_update,
    update,
    void,
)
from kybra.canisters.management import HttpRequestArgs, HttpResponse, management_canister

log = StableBTreeMap[nat64, str](memory_id=0, max_key_size=20, max_value_size=1_000)


class Counter(Service):
    @service_update
    def increment(self, by: nat64) -> nat64: ...

    @service_query
    def read(self, key: str) -> Opt[nat64]: ...

    @service_update
    def missing(self) -> void: ...

    @service_update
    def whoami(self) -> str: ...


class Outcome(Variant, total=False):
    Ok: nat64
    Err: str


def note(text: str) -> None:
    log.insert(log.len(), text)


@query
def notes() -> Vec[str]:
    return log.values()


@update
def add(counter: Principal, by: nat64) -> Async[Outcome]:
    note(f"before {by}")
    result: CallResult[nat64] = yield Counter(counter).increment(by)
    note(f"after {by}")
    if result.Err is not None:
        return {"Err": result.Err}
    return {"Ok": result.Ok}


@update
def add_then_trap(counter: Principal) -> Async[void]:
    note("before the call")
    yield Counter(counter).increment(1)
    note("after the call")
    ic.trap("afterwards")


def add_twice(counter: Principal) -> Async[nat64]:
    first: CallResult[nat64] = yield Counter(counter).increment(1)
    second: CallResult[nat64] = yield Counter(counter).increment(first.Ok)
    total: nat64 = second.Ok
    return total


@update
def nested(counter: Principal) -> Async[nat64]:
    one: nat64 = yield from add_twice(counter)
    two: nat64 = yield add_twice(counter)
    return one + two


@update
def call_missing(counter: Principal) -> Async[str]:
    result: CallResult[void] = yield Counter(counter).missing()
    return result.Err or "no error"


@update
def code_after(counter: Principal) -> Async[RejectionCode]:
    yield Counter(counter).missing()
    code: RejectionCode = ic.reject_code()
    return code


@update
def wrong_type(counter: Principal) -> Async[str]:
    result: CallResult[str] = yield Counter(counter).whoami()
    return result.Err or "no error"


@update
def notify(counter: Principal) -> NotifyResult:
    return Counter(counter).increment(7).notify()


@update
def raw(counter: Principal, text: str) -> Async[str]:
    result: CallResult[blob] = yield ic.call_raw(counter, "increment", ic.candid_encode(text), 0)
    return ic.candid_decode(result.Ok) if result.Err is None else result.Err


@update
def random() -> Async[blob]:
    result: CallResult[blob] = yield management_canister.raw_rand()
    return result.Ok


@update
def pay(cycles: nat) -> Async[str]:
    result: CallResult[void] = yield management_canister.deposit_cycles(
        {"canister_id": ic.id()}
    ).with_cycles128(cycles)
    return result.Err or "paid"


@update
def add_in_time(counter: Principal, by: nat64, seconds: nat64) -> Async[Outcome]:
    result: CallResult[nat64] = yield Counter(counter).increment(by).with_timeout(seconds)
    if result.Err is not None:
        note(result.Err)
        return {"Err": result.Err}
    return {"Ok": result.Ok}


@update
def pay_in_time(cycles: nat, seconds: nat64) -> Async[str]:
    result: CallResult[void] = (
        yield management_canister.deposit_cycles({"canister_id": ic.id()})
        .with_timeout(seconds)
        .with_cycles128(cycles)
    )
    return result.Err or "paid"


@update
def ask_the_world(seconds: nat64) -> Async[str]:
    request: HttpRequestArgs = {
        "url": "https://example.org",
        "max_response_bytes": 1_000,
        "method": {"get": None},
        "headers": [],
        "body": None,
        "transform": None,
    }
    result: CallResult[HttpResponse] = yield (
        management_canister.http_request(request)
        .with_cycles128(100_000_000_000)
        .with_timeout(seconds)
    )
    note(result.Err or "answered")
    return result.Err or "answered"


@query
def composite(counter: Principal, key: str) -> Async[Opt[nat64]]:
    result: CallResult[Opt[nat64]] = yield Counter(counter).read(key)
    return result.Ok


def tick() -> void:
    note(f"tick at {ic.time()}")


@update
def start(delay: Duration, interval: Duration) -> TimerId:
    if interval:
        return ic.set_timer_interval(interval, tick)
    return ic.set_timer(delay, tick)


@update
def start_async(counter: Principal) -> TimerId:
    def work() -> Async[void]:
        result: CallResult[nat64] = yield Counter(counter).increment(5)
        note(f"timer got {result.Ok}")

    return ic.set_timer(1, work)


@update
def start_failing() -> TimerId:
    def fail() -> void:
        note("never kept")
        raise ValueError("in a timer")

    return ic.set_timer(1, fail)


@update
def stop(timer: TimerId) -> void:
    ic.clear_timer(timer)
