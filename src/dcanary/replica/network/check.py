"""Verifies the state folder of a network that does not run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..certification.keys import SubnetKeys, seed_file
from ..engine import EngineError
from ..storage import check as check_engine
from . import last_port
from .files import ENGINE_FOLDER, LOCK_FILE, NetworkError, lock_soon
from .traces import missing, traces


@dataclass(frozen=True, slots=True)
class NetworkCheck:
    """What a check read, and what is wrong: one sentence for each finding."""

    checkpoint: int
    canisters: int
    files: int
    inputs: int
    """Inputs in the log after the checkpoint."""
    damage: list[str]


def check(state_dir: Path) -> NetworkCheck:
    """Verify everything that a start would rely on; changes nothing.

    Raises NetworkError when there is no state, when a network runs on it, or when the state is of
    a later version.
    """
    engine = state_dir / ENGINE_FOLDER
    if not engine.is_dir() and not traces(state_dir):
        raise NetworkError(f"there is no network's state in {state_dir}")
    if not (state_dir / LOCK_FILE).exists():
        return _check(state_dir, engine)
    lock = lock_soon(state_dir)
    if lock is None:
        raise NetworkError(f"a network runs on {state_dir}: stop it first, its files change")
    with lock:
        return _check(state_dir, engine)


def _check(state_dir: Path, engine: Path) -> NetworkCheck:
    try:
        found = check_engine(engine)
    except EngineError as error:
        raise NetworkError(str(error)) from error
    damage = [one.finding for one in found.damage]
    lost = missing(state_dir, found.checkpoint)
    if lost is not None and (found.checkpoint or not damage):
        damage.append(lost)
    elif found.checkpoint:
        damage += _check_seed(seed_file(state_dir), found.subnet)
    try:
        last_port.read(state_dir)
    except last_port.DamagedPort as error:
        damage.append(str(error))
    return NetworkCheck(found.checkpoint, found.canisters, found.files + 1, found.inputs, damage)


def _check_seed(path: Path, subnet: bytes) -> list[str]:
    try:
        keys = SubnetKeys(path.read_bytes())
    except OSError as error:
        return [f"{path} is damaged: it cannot be read ({error.strerror or error})"]
    except ValueError as error:
        return [f"{path} is damaged: {error}"]
    if subnet and keys.subnet_id != subnet:
        return [f"{path} is damaged: the state belongs to another subnet than these keys"]
    return []
