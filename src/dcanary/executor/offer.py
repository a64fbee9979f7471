"""What an executor offers, from its machine and settings, and whether a stage fits it."""

import os
import shutil
from collections.abc import Iterable
from typing import Any

import psutil

from dcanary.client.types.build_executor import ExecutorOffer, Stage
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.images import offered_images
from dcanary.executor.sandbox.cgroup import memory_limit
from dcanary.executor.sandbox.unsandboxed import UnsandboxedRunner
from dcanary.image.standard import called
from dcanary.secrets.keys import public_bytes

# Announced again after so long, so that a canister which has lost it learns of it.
OFFER_SECONDS = 600.0


def make_offer(config: ExecutorConfig, runtimes: Iterable[str]) -> ExecutorOffer:
    """The offer of an executor on this machine. Memory, storage and CPUs are those of one slot."""
    memory = _lowest(psutil.virtual_memory().total, memory_limit(), config.memory_bytes)
    # The sandbox keeps files in memory.
    in_memory = not isinstance(config.sandbox, UnsandboxedRunner)
    room = memory if in_memory else _free_disk(config)
    named: Any = [{name.capitalize(): None} for name in runtimes]
    return {
        "runtimes": named,
        "images": offered_images(config.images, config.image_builder) if in_memory else [],
        "memory_bytes": memory // config.slots,
        "storage_bytes": _lowest(room, config.storage_bytes) // config.slots,
        "cpus": max(1, len(os.sched_getaffinity(0)) // config.slots),
        "slots": config.slots,
        "network": config.allow_network,
        "region": config.region,
        "labels": list(config.labels),
        "files_in_memory": in_memory,
        "secret_key": None if config.secret_key is None else public_bytes(config.secret_key),
        "builds_locks": in_memory and config.images is not None and bool(config.image_builder),
        "leaving": None,
    }


def unfit(stage: Stage, offer: ExecutorOffer) -> str | None:
    """Why a stage cannot be performed under an offer, in one sentence; None when it can.

    The canister matches offers, too; an offer that has changed since, or one that it did not know,
    must not become an attested failure.
    """
    resources, needs = stage["resources"], stage["needs"]
    memory, storage = resources["memory_bytes"], resources["storage_bytes"]
    in_image = needs is not None and needs["image"] is not None
    # An image has the tools, whatever the runtime is called.
    runtime = "Shell" if in_image else next(iter(stage["runtime"]))
    if runtime not in {name for each in offer["runtimes"] for name in each}:
        return f"the stage asks for the runtime {runtime.lower()}, not found here"
    if resources["network"] and not offer["network"]:
        return "the stage asks for the network, which this executor gives none"
    for what, asked, given in (
        ("memory", memory, offer["memory_bytes"]),
        ("storage", storage, offer["storage_bytes"]),
        ("memory and storage together", memory + storage, offer["memory_bytes"]),
    ):
        if asked > given and (offer["files_in_memory"] or "together" not in what):
            return f"the stage asks for {asked} bytes of {what}, this executor has {given} a slot"
    if needs is None:
        return None
    if (needs["cpus"] or 0) > offer["cpus"]:
        return f"the stage asks for {needs['cpus']} CPUs, this executor has {offer['cpus']} a slot"
    is_built = needs["image_lock"] is not None and offer["builds_locks"]
    if needs["image"] is not None and needs["image"] not in offer["images"] and not is_built:
        return f"this executor lacks the image that the stage asks for, {called(needs['image'])}"
    if needs["region"] is not None and needs["region"] != offer["region"]:
        here = offer["region"] or "no region"
        return f"the stage asks for the region {needs['region']}, this executor is in {here}"
    for label in needs["labels"]:
        if label not in offer["labels"]:
            return f"the stage asks for the label {label}, which this executor has not"
    return None


def _lowest(first: int, *others: int | None) -> int:
    return min([first, *(each for each in others if each is not None)])


def _free_disk(config: ExecutorConfig) -> int:
    try:
        return shutil.disk_usage(config.folder).free
    except OSError:
        return 0
