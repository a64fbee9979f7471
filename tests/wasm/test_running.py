"""A built canister, run: what the glue and the stubs do."""

from __future__ import annotations

import json

import pytest

from tests.wasm.ic0_host import Host, Trapped

pytestmark = pytest.mark.replica


def update(host: Host, name: str, arg: bytes = b"") -> bytes:
    reply = host.message(f"canister_update {name}", arg).reply
    assert reply is not None
    return reply


def trap(host: Host, name: str, arg: bytes = b"") -> str:
    with pytest.raises(Trapped) as caught:
        host.message(f"canister_update {name}", arg)
    return str(caught.value)


def test_arguments_come_in_and_replies_go_out(host: Host) -> None:
    blob = bytes(range(256)) * 1000
    assert update(host, "echo", blob) == blob
    assert update(host, "echo", b"") == b""


def test_state_of_modules_is_kept_from_message_to_message(host: Host) -> None:
    assert [update(host, "count") for _ in range(3)] == [b"7", b"9", b"12"]


def test_two_instances_start_from_the_same_state(host: Host) -> None:
    before = host.memory()
    update(host, "count")
    assert host.memory() != before


def test_the_clock_is_the_replicas_after_the_snapshot(host: Host) -> None:
    reply = host.message("canister_query clock").reply
    now, monotonic, built, _ = json.loads(reply or b"")
    assert (now, monotonic) == (host.time, host.time)
    assert built == 1_700_000_000
    host.time += 1_500_000_000
    assert json.loads(host.message("canister_query clock").reply or b"")[0] == host.time


def test_the_system_api_is_refused_at_build_time_with_a_clear_sentence(host: Host) -> None:
    error = json.loads(host.message("canister_query clock").reply or b"")[3]
    assert error.startswith("ic function time was called while the canister was being built")


def test_output_goes_to_the_log_line_by_line(host: Host) -> None:
    logs = host.message("canister_update show").logs
    assert logs == ["one", "two", "threeto stderr", "unfinished"]


def test_an_uncaught_exception_traps_with_its_traceback(host: Host) -> None:
    text = trap(host, "fail", b"0")
    assert text.startswith("Traceback (most recent call last):")
    assert 'File "main.py", line ' in text
    assert text.endswith("in fail\nZeroDivisionError: division by zero")
    assert update(host, "fail", b"1") == b"1"


def test_a_chain_of_exceptions_is_in_the_trap_text(host: Host) -> None:
    text = trap(host, "fail_in_chain")
    assert text.index("ValueError: invalid literal") < text.index("KeyError: 'outer'")


def test_assertions_of_the_canister_are_kept(host: Host) -> None:
    assert trap(host, "assertion").endswith("AssertionError: the argument is empty")
    assert update(host, "assertion", b"x") == b"ok"


def test_trap_texts_may_hold_what_utf8_cannot(host: Host) -> None:
    assert trap(host, "trap") == "because of \u00e9 and \\ud800"


def test_exit_does_not_end_the_canister(host: Host) -> None:
    assert trap(host, "system_exit").endswith("SystemExit: 3")


def test_every_function_of_the_system_api_is_reached(host: Host) -> None:
    outcome = host.message("canister_update api")
    expected = ["04", "00000000000000070101", "method", 0, 3 << 70, 3 << 70, 5, 5 << 100, 1, 42]
    expected += [host.time, 0, 77, 1000, 1001, True, False, True, [0, 0, 2, -1]]
    expected += ["across a page", "", "certificate"]
    assert json.loads(outcome.reply or b"") == expected
    assert outcome.logs == ["logged"]
    assert host.certified == b"c" * 32
    assert bytes(host.stable[65530:65543]) == b"across a page"


def test_no_certificate_is_none(host: Host) -> None:
    host.certificate = None
    assert json.loads(update(host, "api"))[-1] == "none"


def test_wrong_arguments_are_exceptions_and_never_reach_the_replica(host: Host) -> None:
    errors = json.loads(update(host, "misuse"))
    kinds = {text.partition(":")[0] for text in errors}
    assert len(errors) == 16
    assert kinds == {"ValueError", "TypeError", "OverflowError"}
    assert host.outcome.calls == []


def test_a_call_is_described_with_its_callbacks_and_cycles(host: Host) -> None:
    sent, one_way = host.message("canister_update call", b"argument").calls
    assert (sent.callee, sent.method, sent.arg) == (b"\x01\x02", "m\u00e9thod", b"argument")
    assert sent.cycles == (1 << 64) + 5
    assert (sent.timeout, one_way.timeout) == (60, None)
    assert sent.cleanup is not None
    assert (sent.reply[1], sent.reject[1], sent.cleanup[1]) == (9, 9, 9)
    assert len({sent.reply[0], sent.reject[0], sent.cleanup[0]}) == 3
    assert one_way.reply[0] == one_way.reject[0] == 0xFFFFFFFF
    assert one_way.cleanup is None


def test_callbacks_run_through_the_function_table(host: Host) -> None:
    (sent, _) = host.message("canister_update call", b"").calls
    assert sent.cleanup is not None
    assert host.callback(sent.reply, b"answer").reply == b"reply 9 answer"
    host.reject = (4, "no \u00e9")
    assert host.callback(sent.reject).reply == "reject 9 4 no \u00e9".encode() + b"7"
    assert host.callback(sent.cleanup).logs == ["cleanup 9"]


def test_a_rejection_carries_its_text(host: Host) -> None:
    assert host.message("canister_update reject", b"why").rejected == "no: why"


def test_the_operating_system_answers_with_os_errors(host: Host) -> None:
    seen = json.loads(update(host, "system"))
    for name in ("urandom", "sleep", "write", "mkdir", "rename", "socket", "system_random"):
        assert seen[name].startswith("OSError: "), name
    for name in ("open", "listdir", "stat"):
        assert seen[name].startswith("FileNotFoundError: "), name
    assert seen["import"].startswith("ModuleNotFoundError: module 'colorsys' was not imported")
    assert (seen["environ"], seen["input"], seen["random"]) == ("{}", "''", "79")


def test_random_bytes_come_from_the_seed_alone(host: Host, module: object, engine: object) -> None:
    first = update(host, "seeded", b"s" * 32)
    again = update(Host(engine, module), "seeded", b"s" * 32)  # type: ignore[arg-type]
    other = update(Host(engine, module), "seeded", b"t" * 32)  # type: ignore[arg-type]
    assert first == again != other
    assert len(set(first)) > 60
    assert update(host, "seeded", b"s" * 32) != first, "an earlier seed keeps its effect"
    assert not json.loads(update(host, "system"))["urandom"].startswith("OSError")


@pytest.mark.parametrize(
    "kind",
    [
        "function", "repr", "getattr", "eq", "sort", "hash", "map", "pickle",
        "nested-repr", "nested-eq", "json-loads", "json-dumps",
        "raised-limit", "raised-limit-repr", "raised-limit-sort", "raised-limit-map",
    ],
)  # fmt: skip
def test_recursion_without_end_is_a_recursion_error(host: Host, kind: str) -> None:
    assert update(host, "recurse", kind.encode()).startswith(b"RecursionError: ")
    assert update(host, "echo", b"alive") == b"alive"


@pytest.mark.parametrize("kind", ["eval", "eval-minus"])
def test_sources_nested_too_deeply_are_a_memory_error(host: Host, kind: str) -> None:
    assert update(host, "recurse", kind.encode()).startswith(b"MemoryError: ")


def test_exhausted_memory_is_a_memory_error(host: Host) -> None:
    assert update(host, "exhaust") == b"MemoryError"


def test_a_message_that_does_nothing_is_cheap(host: Host) -> None:
    host.message("canister_init")
    for _ in range(3):
        outcome = host.message("canister_update noop")
    assert outcome.instructions < 8_000
    assert outcome.dirty_pages <= 4


def test_a_sum_of_calls_takes_the_instructions_of_a_fast_interpreter(host: Host) -> None:
    outcome = host.message("canister_update fib", b"20")
    assert outcome.reply == b"6765"
    assert outcome.instructions < 40_000_000
