"""Principals of the system canisters, as on the mainnet."""

from __future__ import annotations

from dcanary.candid import principal

REGISTRY = principal.from_text("rwlgt-iiaaa-aaaaa-aaaaa-cai")
ICP_LEDGER = principal.from_text("ryjl3-tyaaa-aaaaa-aaaba-cai")
CYCLES_MINTING = principal.from_text("rkp4c-7iaaa-aaaaa-aaaca-cai")
CYCLES_LEDGER = principal.from_text("um5iw-rqaaa-aaaaq-qaaba-cai")
