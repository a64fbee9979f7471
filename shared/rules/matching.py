"""Whether an executor offers what a stage needs, and how to say what nobody offers. Plain Python.

A requirement is a phrase that completes "no executor offers …". An executor that has announced no
offer (`None`) gets no work; when it is asked what could be built, it counts as offering every size,
but nothing that has a name.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.types.executor import ExecutorOffer
    from shared.types.pipeline import Needs, Resources

MIB = 1_024 * 1_024
GIB = 1_024 * MIB


def size_text(size: int) -> str:
    """Bytes for people: `1.5 GiB`, `64 MiB`, `100 bytes`."""
    for unit, name in ((GIB, "GiB"), (MIB, "MiB")):
        if size >= unit:
            whole = size % unit == 0
            return f"{size // unit if whole else round(size / unit, 1)} {name}"
    return f"{size} bytes"


def requirements(
    runtime: str, resources: "Resources | None", needs: "Needs | None"
) -> "list[tuple[str, str, int | str | bool]]":
    """(phrase, field, value) of each thing that a stage asks of an executor."""
    if needs is not None and needs["image"] is not None:
        # The image has the tools, whatever the runtime is called.
        runtime = "Shell"
    wanted: list[tuple[str, str, int | str | bool]] = [
        (f"the runtime {runtime}", "runtime", runtime)
    ]
    if resources is not None:
        memory, storage = resources["memory_bytes"], resources["storage_bytes"]
        wanted.append((f"{size_text(memory)} of memory", "memory_bytes", memory))
        wanted.append((f"{size_text(storage)} of storage", "storage_bytes", storage))
        both = f"{size_text(memory + storage)} of memory and storage together"
        wanted.append((both, "memory_and_storage_bytes", memory + storage))
        if resources["network"]:
            wanted.append(("the network", "network", True))
    if needs is not None:
        cpus, image, region = needs["cpus"], needs["image"], needs["region"]
        if cpus is not None:
            wanted.append((f"{cpus} CPUs", "cpus", cpus))
        if image is not None:
            field = "image" if needs["image_lock"] is None else "image_of_lock"
            wanted.append((f"the image {image}", field, image))
        if region is not None:
            wanted.append((f"the region {region}", "region", region))
        for label in needs["labels"]:
            wanted.append((f"the label {label}", "label", label))
    return wanted


def offers(
    field: str, value: "int | str | bool", runtimes: "set[str]", offer: "ExecutorOffer | None"
) -> bool:
    """Whether an executor with these runtimes and this offer meets one requirement."""
    if field == "runtime":
        return value in runtimes
    if offer is None:
        return field not in ("image", "image_of_lock", "region", "label")
    if field == "memory_bytes":
        return int(value) <= offer["memory_bytes"]
    if field == "storage_bytes":
        return int(value) <= offer["storage_bytes"]
    if field == "memory_and_storage_bytes":
        return not offer["files_in_memory"] or int(value) <= offer["memory_bytes"]
    if field == "cpus":
        return int(value) <= offer["cpus"]
    if field == "network":
        return offer["network"]
    if field == "image":
        return value in offer["images"]
    if field == "image_of_lock":
        return value in offer["images"] or offer["builds_locks"] is True
    if field == "region":
        return value == offer["region"]
    return value in offer["labels"]


def misfit(
    wanted: "list[tuple[str, str, int | str | bool]]",
    runtimes: "set[str]",
    offer: "ExecutorOffer | None",
) -> "str | None":
    """The first thing that an executor does not offer, as a phrase; None when it fits."""
    for phrase, field, value in wanted:
        if not offers(field, value, runtimes, offer):
            return phrase
    return None


def shortage(
    wanted: "list[tuple[str, str, int | str | bool]]",
    executors: "list[tuple[str, set[str], ExecutorOffer | None]]",
    quorum: int,
) -> "str | None":
    """Why these executors cannot build a stage, in one sentence; None when they can.

    `executors` are (operator, runtimes, offer) of those that may work.
    """
    if not executors:
        return (
            "no executor is registered and enabled: register one with `dcanary executor register`"
        )
    operators = {
        operator
        for operator, runtimes, offer in executors
        if misfit(wanted, runtimes, offer) is None
    }
    if len(operators) >= quorum:
        return None
    if operators:
        return (
            f"{quorum} operators must agree, but only {len(operators)} "
            f"({', '.join(sorted(operators)[:3])}) offers what the stage needs"
        )
    for phrase, field, value in wanted:
        if not any(offers(field, value, runtimes, offer) for _, runtimes, offer in executors):
            return f"no executor offers {phrase}"
    phrases = [phrase for phrase, _, _ in wanted]
    return f"no executor offers all of this together: {', '.join(phrases)}"
