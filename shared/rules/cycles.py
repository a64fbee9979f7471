"""What the Internet Computer charges a canister that is released to. Plain Python; cycles.

Prices of a 13-node application subnet ("Cycles costs" of the IC docs). The instructions of an
install are paid in advance, whatever it then uses: a canister that cannot is refused.
"""

INSTALL_CYCLES = 300_005_000_000
UPLOAD_CHUNK_CYCLES = 200_000_000
SNAPSHOT_CYCLES = 2_000_000_000


def cycles_to_release(chunks: int, snapshot: bool, memory_bytes: int) -> int:
    """Estimate what an upload of `chunks`, a snapshot of `memory_bytes` and an install cost.

    Without chunks it is a rollback, whose load costs about as much as a snapshot. A 64-bit module
    may cost twice the instructions: what is missing then is told by the install itself.
    """
    install = INSTALL_CYCLES if chunks else SNAPSHOT_CYCLES + memory_bytes
    taken = SNAPSHOT_CYCLES + memory_bytes if snapshot else 0
    return install + chunks * UPLOAD_CHUNK_CYCLES + taken
