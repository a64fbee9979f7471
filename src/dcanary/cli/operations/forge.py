"""The local forge of an installation."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dcanary.cli.errors import translated
from dcanary.cli.operations.processes import Processes, end_holder
from dcanary.client.errors import ClientError
from dcanary.forge import Delivery, Forge, ForgeError
from dcanary.forge.kinds import DEFAULT
from dcanary.forge.pull_requests import PullRequest
from dcanary.forge.statuses import Status

START_SECONDS = 60.0


def running_url(root: Path) -> str | None:
    """Address of the forge that serves `root` now, None when none does."""
    found = Forge(root).running()
    return None if found is None else str(found["url"])


def start_in_background(home: Path, root: Path, processes: Processes, port: int = 0) -> str:
    """Address of the forge of `root`, started unless it runs already.

    Raises ClientError when it ends at once or does not answer within START_SECONDS.
    """
    url = running_url(root)
    if url is not None:
        return url
    arguments = ["--home", str(home), "forge", "start", "--port", str(port)]
    # One that was started a moment ago and does not answer yet is waited for.
    process = processes.found("forge") or processes.spawn("forge", arguments)
    deadline = time.monotonic() + START_SECONDS
    while url is None:
        processes.require(process)
        if time.monotonic() > deadline:
            raise ClientError(f"the forge did not answer within {START_SECONDS:.0f} s")
        time.sleep(0.1)
        url = running_url(root)
    return url


def stop(root: Path, processes: Processes) -> bool:
    """End the forge of `root`, in the background or not; False when none ran.

    Raises ClientError with the process id when it does not end.
    """
    stopped = processes.stop("forge")
    return end_holder("forge", Forge(root).lock_file) or stopped


def create_repository(root: Path, name: str, provider: str | None = None) -> str:
    """Its clone URL; an existing repository is kept.

    `provider` is a key of KINDS, GitHub by default. Raises UsageTrouble when the existing one is of
    another.
    """
    with translated():
        known = Forge(root)
        if name not in known.repositories():
            return known.create_repository(name, provider=provider or DEFAULT).clone_url
        kept = known.repository(name)
        if provider not in (None, kept.provider):
            raise ForgeError(
                f"repository {name} exists already in this forge, and delivers as {kept.provider} "
                "does: choose another name"
            )
        return kept.clone_url


def clone_url(root: Path, name: str) -> str:
    with translated():
        return Forge(root).repository(name).clone_url


def set_webhook(root: Path, name: str, url: str, secret: bytes) -> None:
    with translated():
        Forge(root).set_webhook(name, url, secret)


def deliveries(root: Path, name: str) -> list[Delivery]:
    with translated():
        return Forge(root).deliveries(name)


def _told(response: str) -> dict[str, object]:
    """The JSON object that a receiver answered with; empty when it answered something else."""
    try:
        found = json.loads(response)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def answer_of(row: Mapping[str, object]) -> dict[str, object]:
    """The answer to a delivery in a word or two: what became of it there, and its run."""
    told = _told(str(row["response"]))
    words = [str(told[key]) for key in ("status", "run") if told.get(key)]
    return {"answer": " ".join(words) or None}


def reason_of(delivery: Delivery) -> str:
    """Why a delivery started no run, as the receiver says it, or why there is no answer; empty
    when it did."""
    told = _told(delivery.response)
    said = told.get("error") or told.get("reason")
    if said:
        return str(said)
    return delivery.error if delivery.state == "delivered" else delivery.error or delivery.response


def reasons(found: Sequence[Delivery]) -> list[str]:
    """A line for each reason: the last delivery that has it, and how many others have."""
    by_reason: dict[str, list[str]] = {}
    for one in found:
        reason = reason_of(one).strip()
        if reason:
            by_reason.setdefault(reason, []).append(one.delivery)
    return [
        f"\n{ids[-1]}{f' and {len(ids) - 1} before it' if len(ids) > 1 else ''}: {reason}"
        for reason, ids in by_reason.items()
    ]


def open_pull_request(root: Path, name: str, branch: str, **more: Any) -> PullRequest:
    """Open a pull request of a branch, or bring its new commits. Raises UsageTrouble."""
    with translated():
        return Forge(root).open_pull_request(name, branch, **more)


def redeliver(root: Path, name: str, delivery: str) -> None:
    with translated():
        Forge(root).redeliver(name, delivery)


def serve(root: Path, port: int) -> None:
    """Serve in the foreground until a signal. Raises UsageTrouble when the folder is served."""
    with translated():
        Forge(root, port=port).serve_forever()


def statuses(root: Path, name: str) -> list[Status]:
    with translated():
        return Forge(root).statuses(name)


def token_file(root: Path) -> Path:
    """The file with the token of the forge's API. Raises UsageTrouble when there is no forge."""
    with translated():
        forge = Forge(root)
        if forge.url() is None:
            raise ForgeError("there is no forge here yet: dcanary forge start --background")
        return forge.token_file()
