"""Gives wasmtime the replica's own linear memories through its host memory creator."""

from __future__ import annotations

import ctypes
import itertools
import threading
from typing import Any

import wasmtime
from wasmtime import _ffi as ffi

from dcanary.replica.vm import raw
from dcanary.replica.vm.memory.linear import LinearMemory


class _Announced(threading.local):
    memory: LinearMemory | None = None


class MemoryCreator:
    """Hands out the memory that the same thread announced right before instantiation."""

    def __init__(self) -> None:
        self._announced = _Announced()
        self._memories: dict[int, tuple[LinearMemory, int]] = {}
        self._keys = itertools.count(1)
        self._keep: list[Any] = []

    def announce(self, memory: LinearMemory | None) -> None:
        """Set the memory that the next instance made by this thread gets."""
        self._announced.memory = memory

    def install(self, config: wasmtime.Config) -> None:
        """Make `config` use this creator; keep the object alive as long as the engine."""
        get = ffi.wasmtime_memory_get_callback_t(self._get)
        grow = ffi.wasmtime_memory_grow_callback_t(self._grow)
        finish = raw.Finalizer(self._finish)

        def new(
            _env: int,
            _type: Any,
            minimum: int,
            _maximum: int,
            reserved: int,
            guard: int,
            result: Any,
        ) -> int:
            memory = self._announced.memory
            if memory is None:
                return int(raw.error_new(b"no memory announced"))
            self._announced.memory = None
            try:
                if memory.committed_size < minimum:
                    memory.set_image_size(minimum)
                capacity = memory.map_view(reserved, guard)
            except Exception as error:
                return int(raw.error_new(f"{error}".encode()))
            key = next(self._keys)
            self._memories[key] = (memory, capacity)
            target: Any = result[0]
            target.env = key
            target.get_memory = get
            target.grow_memory = grow
            target.finalizer = ctypes.cast(finish, raw.Finalizer)
            return 0

        creator: Any = ffi.wasmtime_memory_creator_t()
        callback = ffi.wasmtime_new_memory_callback_t(new)
        creator.new_memory = callback
        self._keep += [get, grow, finish, callback, creator]
        ffi.wasmtime_config_host_memory_creator_set(config.ptr(), ctypes.byref(creator))

    def _get(self, key: int, size: Any, capacity: Any) -> int:
        memory, most = self._memories[key]
        size[0] = memory.size
        capacity[0] = most
        return memory.base

    def _grow(self, key: int, size: int) -> int:
        if self._memories[key][0].grow(size):
            return 0
        return int(raw.error_new(b"memory limit reached"))

    def _finish(self, key: int) -> None:
        self._memories.pop(key, None)
