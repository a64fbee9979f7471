"""How large a module and its interface may be, and what the module may use to tell it."""

MAX_MODULE_BYTES = 128 << 20
"""Decompressed."""
MAX_DID_BYTES = 512 * 1024
MAX_MEMORY_BYTES = 256 << 20
MAX_TABLE_ENTRIES = 1 << 20
FUEL = 500_000_000
"""About as many instructions; an export of an interface needs some thousands."""
CPU_SECONDS = 60
"""With the compilation, which has no other bound."""
ADDRESS_SPACE = 6 << 30
STACK_BYTES = 1 << 20
"""Of the WebAssembly stack: what recurses deeper traps."""
