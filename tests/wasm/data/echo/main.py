"""A canister for the tests of the build."""

import os
import random
import time

import _ic
from kybra import STATE, query, update


@update
def noop(arg: bytes) -> bytes:
    """Do nothing."""
    return b""


@update
def echo(arg: bytes) -> bytes:
    return arg


@query
def clock(arg: bytes) -> bytes:
    return repr(time.time_ns()).encode()


@update
def count(arg: bytes) -> bytes:
    STATE["count"] = STATE.get("count", 0) + 1
    return str(STATE["count"]).encode()


@update
def fail(arg: bytes) -> bytes:
    return str(1 // int(arg)).encode()
