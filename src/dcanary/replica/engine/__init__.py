"""Rounds, messages and the management canister. The border is `dcanary.replica.api`;
`dcanary.replica.opening.open_engine` makes an engine."""

from __future__ import annotations

from dcanary.replica.engine.engine import ReplicaEngine
from dcanary.replica.engine.options import DEFAULT_SEED, DEFAULT_START, Options
from dcanary.replica.state.errors import EngineError

__all__ = ["DEFAULT_SEED", "DEFAULT_START", "EngineError", "Options", "ReplicaEngine"]
