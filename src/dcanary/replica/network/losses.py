"""What a start with `--accept-loss` went on without, kept for whoever asked for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..certification.keys import SubnetKeys, load_or_create_seed, seed_file
from ..storage import Damaged, Loss
from ..storage.folder import Folder, aside
from .files import ENGINE_FOLDER, NetworkError
from .traces import missing

LOSSES_FILE = "losses.json"
NEW_KEYS = "the network has new keys, and clients must trust its new root key"
_OTHER_KEYS = "go on under new keys (another root key, which clients must be told)"
Lost = Callable[[Loss], None]


def write(state_dir: Path, losses: list[Loss]) -> None:
    """Keep the losses of this start. Raises OSError."""
    new = (state_dir / LOSSES_FILE).with_suffix(".new")
    new.write_text(json.dumps([str(loss) for loss in losses], indent=1) + "\n")
    new.replace(state_dir / LOSSES_FILE)


def read(state_dir: Path) -> list[str]:
    """A sentence for each loss that the last start accepted."""
    try:
        found = json.loads((state_dir / LOSSES_FILE).read_text())
    except (OSError, ValueError):
        return []
    return [str(line) for line in found] if isinstance(found, list) else []


def check_complete(state_dir: Path) -> None:
    """Raises NetworkError when a part is missing of a state that other files show there was."""
    checkpoint = Folder(state_dir / ENGINE_FOLDER).newest()
    lost = missing(state_dir, checkpoint)
    if lost is None:
        return
    anew = _OTHER_KEYS if checkpoint else "begin with an empty network"
    raise NetworkError(
        f"{lost}. Restore the state folder from a copy, or {anew} with "
        "`dcanary network start --accept-loss`"
    )


def accept_missing(state_dir: Path, lost: Lost) -> None:
    """Tell what is missing; move away what stands in the place of the state's folder.

    Raises OSError.
    """
    engine = state_dir / ENGINE_FOLDER
    checkpoint = Folder(engine).newest()
    what = missing(state_dir, checkpoint)
    kept = None
    if engine.exists() and not engine.is_dir():
        away = state_dir / f"{ENGINE_FOLDER}.damaged"
        engine.rename(away)
        kept = Folder(engine).move(away)
        what = what or f"{engine} is not a folder"
    try:
        if not checkpoint:
            Folder(engine).check_empty()
    except Damaged:  # The engine tells of it.
        return
    if what is not None:
        loses = NEW_KEYS if checkpoint else "the network begins empty"
        lost(Loss(what, loses, kept))


def open_seed(state_dir: Path, accept_loss: bool, lost: Lost) -> bytes:
    """The seed of the folder. One that is damaged is moved away when its loss is accepted.

    Raises NetworkError when it is not, OSError.
    """
    path = seed_file(state_dir)
    try:
        return load_or_create_seed(state_dir)
    except ValueError as error:
        finding = str(error)
    except OSError as error:
        finding = f"{path} is damaged: it cannot be read ({error.strerror or error})"
    if not accept_loss:
        raise NetworkError(
            f"{finding}. Restore that file from a copy, or {_OTHER_KEYS} with "
            "`dcanary network start --accept-loss`, which keeps the damaged file aside"
        )
    kept = aside(Folder(state_dir / ENGINE_FOLDER).damaged)
    path.rename(kept / path.name)
    lost(Loss(finding, NEW_KEYS, kept))
    return load_or_create_seed(state_dir)


def tell_of_other_keys(state_dir: Path, keys: SubnetKeys, lost: Lost) -> None:
    """Tell when the state belongs to other keys than those that it is opened under."""
    folder = Folder(state_dir / ENGINE_FOLDER)
    number = folder.newest()
    try:
        manifest = folder.manifest(number) if number else None
    except Damaged:  # The engine tells of it.
        return
    if manifest is not None and manifest.subnet not in (b"", keys.subnet_id):
        what = f"{seed_file(state_dir)} is damaged or was replaced: the state is of other keys"
        lost(Loss(what, NEW_KEYS))
