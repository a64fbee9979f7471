"""What the Internet Computer charges a canister that is released to. Plain Python; cycles.

Prices of a 13-node application subnet ("Cycles costs" of the IC docs). The instructions of an
install are paid in advance, whatever it then uses: a canister that cannot is refused.
"""

from shared.rules.limits import MAX_CHUNK_BYTES

INSTALL_CYCLES = 300_005_000_000
# Instructions of a module with a 64-bit memory cost twice as much.
INSTALL_64_CYCLES = 600_005_000_000
UPLOAD_CHUNK_CYCLES = 200_000_000
SNAPSHOT_CYCLES = 2_000_000_000
CREATION_CYCLES = 500_000_000_000
# What a new canister has: its creation sets no other.
FREEZING_SECONDS = 30 * 24 * 3_600
ROUNDED_CYCLES = 10_000_000_000
GIB = 1_024 * 1_024 * 1_024
MEMORY_GIB_SECOND_CYCLES = 127_000


def cycles_to_release(size: int, snapshot: bool, memory_bytes: int, wide: bool) -> int:
    """Estimate what a release costs its canister, which uses `memory_bytes`.

    `size` is that of the module; 0 for a rollback, whose load costs about as much as a snapshot.
    `wide`: the module is known to have a 64-bit memory. What others need more is told by the
    install itself.
    """
    taken = SNAPSHOT_CYCLES + memory_bytes
    if size == 0:
        return 2 * taken
    chunks = (size + MAX_CHUNK_BYTES - 1) // MAX_CHUNK_BYTES
    install = INSTALL_64_CYCLES if wide else INSTALL_CYCLES
    return install + chunks * UPLOAD_CHUNK_CYCLES + (taken if snapshot else 0)


def advised(missing: int) -> int:
    """How many cycles to send where `missing` are: whole units of ROUNDED_CYCLES, one more than it
    takes, because canisters burn cycles until people have read and done what they are advised."""
    return (missing // ROUNDED_CYCLES + 2) * ROUNDED_CYCLES


def cycles_to_create(size: int, wide: bool, memory_bytes: int) -> int:
    """Estimate the least that a canister is to be created with, to get a module of `size` bytes.

    The fee is taken from that. `wide`: the module has a 64-bit memory; `memory_bytes` is what it
    declares to have at first. What the module uses beyond comes on top. Rounded up.
    """
    needed = cycles_to_release(size, False, 0, wide)
    frozen = frozen_by_growth(size + memory_bytes, False, 0, 0, FREEZING_SECONDS)
    return -(-(CREATION_CYCLES + needed + frozen) // ROUNDED_CYCLES) * ROUNDED_CYCLES


def frozen_by_growth(
    size: int, snapshot: bool, memory_bytes: int, allocated_bytes: int, freezing_seconds: int
) -> int:
    """By how much a release raises the balance at which its canister freezes.

    The uploaded module and the snapshot count as memory, beyond what is allocated in advance.
    """
    grown = memory_bytes + size + (memory_bytes if snapshot else 0)
    more = max(grown, allocated_bytes) - max(memory_bytes, allocated_bytes)
    return more * MEMORY_GIB_SECOND_CYCLES * freezing_seconds // GIB
