"""Opens an engine on a state folder: puts engine and storage together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dcanary.replica.engine import DEFAULT_SEED, DEFAULT_START, Options, ReplicaEngine
from dcanary.replica.storage import Storage
from dcanary.replica.storage.damage import Loss


def open_engine(
    state_dir: Path | None,
    *,
    seed: bytes | None = None,
    start_time_ns: int | None = None,
    cache_dir: Path | None = None,
    options: Options | None = None,
    lost: Callable[[Loss], None] = lambda _: None,
) -> ReplicaEngine:
    """Open the subnet kept in `state_dir` (None: in memory only), or make a new one.

    `seed` (any bytes; random values derive from it) and `start_time_ns` count for a new subnet
    only. `cache_dir` is the folder of compiled modules, by default in the user's cache folder; it
    must be private to the user. `lost` is told of damage that `options.accept_loss` accepts. Raises
    `EngineError` when the state folder cannot be used, for instance because another engine has it
    open.
    """
    options = options or Options()
    storage = None
    if state_dir is not None:
        storage = Storage(state_dir, options.fsync, options.subnet_id, options.accept_loss, lost)
    return ReplicaEngine(
        storage,
        DEFAULT_SEED if seed is None else seed,
        DEFAULT_START if start_time_ns is None else start_time_ns,
        cache_dir,
        options,
    )
