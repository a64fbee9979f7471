"""The functions of module `ic0`: signatures and fixed instruction overheads.

Source: interface specification, "The canister module: System imports". `I` is a pointer-sized
integer: i32, or i64 for modules with a 64-bit memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from dcanary.wasm_binary.sections import I32, I64

_SIZED = (
    "msg_arg_data",
    "msg_caller",
    "msg_caller_info_data",
    "msg_caller_info_signer",
    "msg_reject_msg",
    "canister_self",
    "subnet_self",
    "msg_method_name",
    "root_key",
    "data_certificate",
)

_BOTH_WIDTHS = """
msg_reject_code () -> w
msg_deadline () -> l
msg_reply_data_append (II)
msg_reply ()
msg_reject (II)
msg_cycles_available128 (I)
msg_cycles_refunded128 (I)
msg_cycles_accept128 (llI)
cycles_burn128 (llI)
canister_cycle_balance128 (I)
canister_liquid_cycle_balance128 (I)
canister_status () -> w
canister_version () -> l
accept_message ()
call_new (IIIIIIII)
call_on_cleanup (II)
call_data_append (II)
call_with_best_effort_response (w)
call_perform () -> w
call_cycles_add128 (ll)
stable64_size () -> l
stable64_grow (l) -> l
stable64_write (lll)
stable64_read (lll)
certified_data_set (II)
data_certificate_present () -> w
time () -> l
global_timer_set (l) -> l
performance_counter (w) -> l
is_controller (II) -> w
in_replicated_execution () -> w
cost_call (llI)
cost_create_canister (I)
cost_http_request (llI)
cost_sign_with_ecdsa (IIwI) -> w
cost_sign_with_schnorr (IIwI) -> w
cost_vetkd_derive_key (IIwI) -> w
env_var_count () -> I
env_var_name_size (I) -> I
env_var_name_copy (IIII)
env_var_name_exists (II) -> w
env_var_value_size (II) -> I
env_var_value_copy (IIIII)
debug_print (II)
trap (II)
"""

_ONLY_32 = """
msg_cycles_available () -> l
msg_cycles_refunded () -> l
msg_cycles_accept (l) -> l
canister_cycle_balance () -> l
call_cycles_add (l)
stable_size () -> w
stable_grow (w) -> w
stable_write (www)
stable_read (www)
"""


@dataclass(frozen=True, slots=True)
class Signature:
    params: bytes
    results: bytes


def _parse(text: str, pointer: int) -> dict[str, Signature]:
    kinds = {"I": pointer, "w": I32, "l": I64}
    table: dict[str, Signature] = {}
    for line in text.strip().splitlines():
        function, _, rest = line.partition(" ")
        params, _, result = rest.partition(" -> ")
        table[function] = Signature(
            bytes(kinds[letter] for letter in params.strip("()")),
            bytes(kinds[letter] for letter in result),
        )
    for subject in _SIZED:
        table[f"{subject}_size"] = Signature(b"", bytes((pointer,)))
        table[f"{subject}_copy"] = Signature(bytes((pointer,)) * 3, b"")
    return table


SIGNATURES_32 = _parse(_BOTH_WIDTHS + _ONLY_32.lstrip(), I32)
SIGNATURES_64 = _parse(_BOTH_WIDTHS, I64)

DEFAULT_OVERHEAD = 500
OVERHEADS: dict[str, int] = {
    "call_new": 1_500,
    "call_perform": 5_000,
    "is_controller": 1_000,
    "performance_counter": 200,
    "debug_print": 100,
    "stable64_size": 20,
    "stable64_read": 20,
    "stable64_write": 20,
    "stable_size": 20,
    "stable_read": 20,
    "stable_write": 20,
}
"""Instructions a System API call costs besides the call itself and its bytes. The rewriter
charges them at the call site, so that the counter seen by `performance_counter` has them."""


def overhead(function: str) -> int:
    """Fixed instruction overhead of one System API function."""
    return OVERHEADS.get(function, DEFAULT_OVERHEAD)
