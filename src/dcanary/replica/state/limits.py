"""Limits of the subnet. Source: interface specification and "Resource limits" of the IC docs."""

from __future__ import annotations

import os

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
WASM_PAGE = 64 * KIB
OS_PAGE = 4 * KIB
SECOND = 1_000_000_000
"""Nanoseconds."""
MINUTE = 60 * SECOND

# Modules
MAX_WASM_SIZE = 100 * MIB
MAX_CODE_SECTION = 10 * MIB
MAX_FUNCTIONS = 50_000
MAX_GLOBALS = 1_000
MAX_EXPORTED_METHODS = 1_000
MAX_METHOD_NAMES_SIZE = 20_000
MAX_ICP_SECTIONS = 16
MAX_ICP_SECTIONS_SIZE = 1 * MIB
MAX_TABLE_ELEMENTS = 1_000_000

# Compilation (in a child process)
COMPILE_CPU_SECONDS = 240
COMPILE_ADDRESS_SPACE = 6 * GIB
COMPILE_CACHE_SIZE = 2 * GIB

# Memory
MAX_HEAP_32 = 4 * GIB
MAX_HEAP_64 = 6 * GIB
MAX_STABLE = 500 * GIB
MAX_STABLE_RESIDENT = 16 * GIB
"""What one canister's stable memory may really hold on this machine's replica."""
WASM_STACK = 5 * MIB

# Instructions
UPDATE_INSTRUCTIONS = 40_000_000_000
QUERY_INSTRUCTIONS = 5_000_000_000
INSTALL_INSTRUCTIONS = 300_000_000_000
INSPECT_INSTRUCTIONS = 200_000_000
COMPOSITE_INSTRUCTIONS = 5_000_000_000
COMPOSITE_CALL_OVERHEAD = 50_000_000
COMPOSITE_DEPTH = 6
ROUND_INSTRUCTIONS = 4_000_000_000
QUERY_WALL_CLOCK_SECONDS = 10.0
QUERY_MEMORY = 1 * GIB
"""What a query may write, of main and stable memory."""

# Messages
MAX_INGRESS_PAYLOAD = 2 * MIB
MAX_REQUEST_PAYLOAD = 10 * MIB
MAX_REPLY_PAYLOAD = 2 * MIB
MAX_QUERY_REPLY_PAYLOAD = 3 * MIB
MAX_CALLS_PER_PAIR = 500
MAX_CALL_TIMEOUT_SECONDS = 300
"""Longest wait of a bounded-wait call; longer ones are cut to it."""
MAX_INGRESS_QUEUE = 5_000
STATUS_RETENTION = 5 * MINUTE
"""How long after its expiry the result of an ingress message stays readable."""
MAX_KEPT_REPLIES = 128 * MIB
"""Beyond, expired messages keep their state ("done") but not their reply."""

# Canisters
MAX_CYCLES = (1 << 128) - 1
"""Of a canister: the System API gives its balance in 128 bits."""
MAX_CONTROLLERS = 10
MAX_ALLOWED_VIEWERS = 10
MAX_ENVIRONMENT_VARIABLES = 20
MAX_ENVIRONMENT_TEXT = 128
MAX_CERTIFIED_DATA = 32
MAX_SNAPSHOTS = 10
MAX_CHUNK = 1 * MIB
MAX_CHUNKS = 100
MAX_LOG_BYTES = 4 * KIB
MAX_HISTORY = 20
STOP_TIMEOUT = 5 * MINUTE
DEFAULT_FREEZING_THRESHOLD = 2_592_000
"""Seconds."""
DEFAULT_RESERVED_CYCLES_LIMIT = 5 * 10**12
DEFAULT_WASM_MEMORY_LIMIT = 3 * GIB
DEFAULT_PROVISIONAL_CYCLES = 100 * 10**12
CANISTERS_PER_SUBNET = 1 << 20

# HTTP outcalls
MAX_HTTP_URL = 8_192
MAX_HTTP_RESPONSE = 2_000_000
MAX_HTTP_HEADERS = 64


def queries_memory() -> int:
    """What all queries at a time may write: a quarter of the memory of this machine."""
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return QUERY_MEMORY
    return max(QUERY_MEMORY // 4, min(4 * QUERY_MEMORY, physical // 4))
