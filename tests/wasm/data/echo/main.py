"""A canister for the tests of the build: each method exercises one thing of the interpreter."""

# Runs in the canister's interpreter only.
# mypy: ignore-errors
# ruff: noqa: PTH102, PTH104, PTH109, PTH116, PTH123, PTH208, SIM115

import json
import os
import pickle
import random
import socket
import sys
import time

import _ic
from kybra import STATE, callback, query, update

PRINTED_AT_BUILD = "built"
print("hello from the build")
sys.stdout.write("unended")
BUILD_TIME = time.time()
FROZEN = {"list": [1, 2, 3], "text": "x" * 10}
try:
    _ic.time()
except RuntimeError as error:
    BUILD_ERROR = str(error)


@update
def noop(arg: bytes) -> bytes:
    """This docstring must not be in the module: MARKER_DOCSTRING."""
    return b""


@update
def echo(arg: bytes) -> bytes:
    return arg


@query
def clock(arg: bytes) -> bytes:
    return json.dumps([time.time_ns(), time.monotonic_ns(), BUILD_TIME, BUILD_ERROR]).encode()


@update
def count(arg: bytes) -> bytes:
    STATE["count"] = STATE.get("count", 0) + 1
    FROZEN["list"].append(STATE["count"])
    return str(sum(FROZEN["list"])).encode()


@update
def fail(arg: bytes) -> bytes:
    return str(1 // int(arg)).encode()


@update
def fail_in_chain(arg: bytes) -> bytes:
    try:
        int("not a number")
    except ValueError as error:
        raise KeyError("outer") from error
    return b""


@update
def assertion(arg: bytes) -> bytes:
    assert arg, "the argument is empty"
    return b"ok"


@update
def show(arg: bytes) -> bytes:
    print("one\ntwo")
    print("three", end="")
    print("to stderr", file=sys.stderr)
    sys.stdout.write("unfinished")
    return b""


@update
def trap(arg: bytes) -> None:
    _ic.trap("because of \u00e9 and \ud800")


@update
def system_exit(arg: bytes) -> None:
    sys.exit(3)


def _outcome(function) -> str:
    try:
        return repr(function())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@update
def system(arg: bytes) -> bytes:
    """What of the operating system answers, and how."""
    results = {
        "urandom": _outcome(lambda: os.urandom(8)),
        "sleep": _outcome(lambda: time.sleep(1)),
        "open": _outcome(lambda: open("/app/main.py")),
        "write": _outcome(lambda: open("/tmp/x", "w")),
        "listdir": _outcome(lambda: os.listdir("/")),
        "stat": _outcome(lambda: os.stat("/python/os.py")),
        "mkdir": _outcome(lambda: os.mkdir("/x")),
        "rename": _outcome(lambda: os.rename("/x", "/y")),
        "socket": _outcome(lambda: socket.socket()),
        "import": _outcome(lambda: __import__("color" + "sys")),
        "environ": _outcome(lambda: dict(os.environ)),
        "input": _outcome(lambda: sys.stdin.read()),
        "random": _outcome(lambda: random.Random(5).randrange(100)),
        "getcwd": _outcome(lambda: os.getcwd()),
        "system_random": _outcome(lambda: random.SystemRandom().random()),
    }
    return json.dumps(results).encode()


@update
def seeded(arg: bytes) -> bytes:
    _ic.seed_random(arg)
    return os.urandom(100)


@update
def api(arg: bytes) -> bytes:
    """Every function of the System API that does not end the message."""
    grown = [_ic.stable_size(), _ic.stable_grow(2), _ic.stable_size(), _ic.stable_grow(1000)]
    _ic.stable_write(65530, b"across a page")
    _ic.certified_data_set(b"c" * 32)
    results = [
        _ic.msg_caller().hex(),
        _ic.canister_self().hex(),
        _ic.msg_method_name(),
        _ic.msg_deadline(),
        _ic.msg_cycles_available(),
        _ic.msg_cycles_accept(1 << 100),
        _ic.msg_cycles_accept(5),
        _ic.canister_cycle_balance(),
        _ic.canister_status(),
        _ic.canister_version(),
        _ic.time(),
        _ic.global_timer_set(77),
        _ic.global_timer_set(0),
        _ic.performance_counter(0),
        _ic.performance_counter(1),
        _ic.is_controller(b"\x04"),
        _ic.is_controller(b"\x05"),
        _ic.in_replicated_execution(),
        grown,
        _ic.stable_read(65530, 13).decode(),
        _ic.stable_read(0, 0).decode(),
        (_ic.data_certificate() or b"none").decode(),
    ]
    _ic.debug_print("logged")
    return json.dumps(results).encode()


@update
def misuse(arg: bytes) -> bytes:
    """Wrong arguments: each is an exception of Python, none reaches the replica."""
    results = [
        _outcome(lambda: _ic.stable_read(1 << 40, 1)),
        _outcome(lambda: _ic.stable_read(0, -1)),
        _outcome(lambda: _ic.stable_write(0, "text")),
        _outcome(lambda: _ic.stable_write(0)),
        _outcome(lambda: _ic.msg_reply("text")),
        _outcome(lambda: _ic.msg_cycles_accept(-1)),
        _outcome(lambda: _ic.msg_cycles_accept(1 << 128)),
        _outcome(lambda: _ic.certified_data_set(b"c" * 33)),
        _outcome(lambda: _ic.is_controller(b"p" * 30)),
        _outcome(lambda: _ic.performance_counter(2)),
        _outcome(lambda: _ic.call_perform(b"", "m", b"", 0)),
        _outcome(lambda: _ic.call_perform(b"", "m", b"", 0, 1 << 32, None)),
        _outcome(lambda: _ic.call_perform(b"", "m", b"", 0, 1, 1 << 32)),
        _outcome(lambda: _ic.call_perform(b"", "m", b"", 0, 1, "soon")),
        _outcome(lambda: _ic.global_timer_set("soon")),
        _outcome(lambda: _ic.seed_random(b"short")),
    ]
    return json.dumps(results).encode()


@update
def call(arg: bytes) -> None:
    _ic.call_perform(b"\x01\x02", "m\u00e9thod", arg, (1 << 64) + 5, 9, 60)
    _ic.call_perform(b"\x03", "forget", b"", 0, 0, None)


@update
def reject(arg: bytes) -> None:
    _ic.msg_reject("no: " + arg.decode())


@callback
def on_reply(token: int) -> None:
    _ic.msg_reply(b"reply %d " % token + _ic.msg_arg_data())


@callback
def on_reject(token: int) -> None:
    text = f"reject {token} {_ic.msg_reject_code()} {_ic.msg_reject_msg()}"
    _ic.msg_reply(text.encode() + str(_ic.msg_cycles_refunded()).encode())


@callback
def on_cleanup(token: int) -> None:
    _ic.debug_print(f"cleanup {token}")


class _Deep:
    def __repr__(self) -> str:
        return repr(self.__class__())

    def __getattr__(self, name: str) -> object:
        return getattr(self, name)

    def __eq__(self, other: object) -> bool:
        return [self] == [other]

    def __lt__(self, other: object) -> bool:
        return sorted([self, other]) == []

    def __hash__(self) -> int:
        return hash((self,))


def _nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


_RECURSIONS = {
    b"function": lambda: _recurse(0),
    b"repr": lambda: repr(_Deep()),
    b"getattr": lambda: _Deep().x,
    b"eq": lambda: _Deep() == _Deep(),
    b"sort": lambda: _Deep() < _Deep(),
    b"hash": lambda: hash(_Deep()),
    b"nested-repr": lambda: repr(_nested(20_000)),
    b"nested-eq": lambda: _nested(20_000) == _nested(20_000),
    b"json-loads": lambda: json.loads("[" * 100_000),
    b"json-dumps": lambda: json.dumps(_nested(20_000)),
    b"map": lambda: _through_map(0),
    b"raised-limit": lambda: _with_limit(20_000, lambda: _recurse(0)),
    b"raised-limit-repr": lambda: _with_limit(1_000_000_000, lambda: repr(_Deep())),
    b"raised-limit-sort": lambda: _with_limit(1_000_000_000, lambda: _Deep() < _Deep()),
    b"raised-limit-map": lambda: _with_limit(1_000_000_000, lambda: _through_map(0)),
    b"eval": lambda: eval("(" * 5000 + ")" * 5000),
    b"pickle": lambda: pickle.dumps(_nested(20_000)),
    b"eval-minus": lambda: eval("-" * 50_000 + "1"),
}


def _recurse(depth: int) -> int:
    return _recurse(depth + 1) + 1


def _through_map(depth: int) -> int:
    return sum(map(_through_map, [depth + 1])) + 1


def _with_limit(limit: int, function) -> object:
    old = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        return function()
    finally:
        sys.setrecursionlimit(old)


@update
def recurse(arg: bytes) -> bytes:
    try:
        return str(_RECURSIONS[arg]()).encode()[:100]
    except (RecursionError, MemoryError, SyntaxError) as error:
        return f"{type(error).__name__}: {error}".encode()


@update
def exhaust(arg: bytes) -> bytes:
    try:
        keep = [bytes(1 << 24) for _ in range(40)]
    except MemoryError:
        return b"MemoryError"
    return str(len(keep)).encode()


@update
def fib(arg: bytes) -> bytes:
    return str(_fib(int(arg))).encode()


def _fib(n: int) -> int:
    return n if n < 2 else _fib(n - 1) + _fib(n - 2)
