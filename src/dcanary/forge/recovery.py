"""Brings refs and deliveries of a repository together, after a kill or a push cut short."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import psutil

from dcanary.forge import spool
from dcanary.forge.kinds import PULL_REFS
from dcanary.forge.layout import Layout
from dcanary.forge.log import DeliveryLog
from dcanary.forge.payload import RefUpdate
from dcanary.forge.reconcile import Move, missing_moves
from dcanary.forge.repositories import Repositories
from dcanary.forge.spool import SpooledPush

log = logging.getLogger("dcanary.forge")

NO_OBJECT = "0" * 40
_LEFTOVERS = ("packed-refs.lock", "HEAD.lock", "objects/incoming-*", "objects/tmp_objdir-*")


def recover(layout: Layout, name: str) -> bool:
    """Put every move of a ref that has no delivery into the spool, and remove their intents.

    Returns False when nothing can be said yet, because a push is going on. Raises ForgeError when
    git fails, OSError when nothing can be written; it is safe to repeat in any case.
    """
    seen = _look(layout, name)
    if seen is None:
        return False
    refs, told, intents = seen
    if intents:
        remove_leftovers(layout.repository(name), git_folders())
    taken: dict[str, list[RefUpdate]] = defaultdict(list)
    for ref in sorted({*refs, *told, *(update.ref for each in intents for update in each.updates)}):
        intended = [
            (each, update) for each in intents for update in each.updates if update.ref == ref
        ]
        moves = [Move(update.before, update.after) for _, update in intended]
        positions, others = missing_moves(refs.get(ref, NO_OBJECT), told.get(ref, []), moves)
        for position in positions:
            intent, update = intended[position]
            taken[intent.push].append(update)
        for move in others:
            known = len(told.get(ref, []))
            text = f"{name} {ref} {move.before} {move.after} {known}"
            push = "refs-" + hashlib.sha256(text.encode()).hexdigest()[:32]
            taken[push].append(RefUpdate(name, move.before, move.after, ref))
    for push, updates in taken.items():
        log.warning("a push to %s was cut short: %d refs had moved", name, len(updates))
        spool.put_push(layout, name, push, updates)
    for intent in intents:
        intent.path.unlink(missing_ok=True)
    return True


def _look(
    layout: Layout, name: str
) -> tuple[dict[str, str], dict[str, list[Move]], Sequence[SpooledPush]] | None:
    """Refs, moves that have a delivery or will have one, and intents of pushes that have ended; all
    of one moment. None while a push is going on."""
    repositories = Repositories(layout)
    intents = _intents(layout, name)
    if any(intent.is_going_on for intent in intents):
        return None
    refs = _pushed(repositories.refs(name))
    # The spool before the log: a push is in the log before it leaves the spool.
    told: dict[str, tuple[str, Move]] = {}
    for entry in spool.waiting(layout):
        if isinstance(entry, SpooledPush) and entry.repository == name:
            for update in entry.updates:
                told[entry.id_of(update)] = update.ref, Move(update.before, update.after)
    for delivery in DeliveryLog(layout).read(name):
        if not delivery.ref.startswith(PULL_REFS):
            told[delivery.delivery] = delivery.ref, Move(delivery.before, delivery.after)
    if _intents(layout, name) != intents or _pushed(repositories.refs(name)) != refs:
        return None
    moves: dict[str, list[Move]] = defaultdict(list)
    for ref, move in told.values():
        moves[ref].append(move)
    return refs, moves, intents


def _pushed(refs: dict[str, str]) -> dict[str, str]:
    """Without the heads of pull requests, which nobody pushes."""
    return {ref: tip for ref, tip in refs.items() if not ref.startswith(PULL_REFS)}


def _intents(layout: Layout, name: str) -> list[SpooledPush]:
    return [intent for intent in spool.intents(layout) if intent.repository == name]


def git_folders() -> list[Path]:
    """Folders that processes of git work in."""
    processes = psutil.process_iter(["cwd", "name"])
    return [
        Path(process.info["cwd"])
        for process in processes
        if process.info["cwd"] and (process.info["name"] or "").startswith("git")
    ]


def remove_leftovers(repository: Path, at_work: Sequence[Path]) -> None:
    """Remove the locks and unfinished objects of git processes that were killed, unless one is at
    work in the repository: a lock that stays would refuse every later push to its ref."""
    if any(folder.is_relative_to(repository) for folder in at_work):
        return
    found = [path for pattern in _LEFTOVERS for path in repository.glob(pattern)]
    for path in [*found, *(repository / "refs").rglob("*.lock")]:
        log.warning("%s was left behind by a git process that was killed", path.name)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
