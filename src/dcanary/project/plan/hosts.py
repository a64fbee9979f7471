"""Hosts of packages that are no public registries: a fetch stage has to name them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dcanary.download.registries import PUBLIC_HOSTS
from dcanary.fetch.bring import hosts_of
from dcanary.fetch.files import reading_folder
from dcanary.fetch.locks.reading import read_locks
from dcanary.fetch.pinned import Target
from dcanary.pipeline.limits import MAX_HOSTS
from dcanary.project.facts import Place
from dcanary.project.plan.fit import PAGE, Fit, Open


def with_hosts(folder: Path, fit: Fit) -> Fit:
    """The fit with the hosts of its locks where one is no public registry, and that said.

    Whoever writes a lock chooses its hosts, and the hashes in it decide what is taken from them: so
    they are written into the pipeline, where a person sees them, rather than refused.
    """
    locks = fit.values.get("locks", fit.values.get("lock", []))
    names = [locks] if isinstance(locks, str) else locks
    pins = read_locks(reading_folder(folder), names, Target()).pins
    hosts = hosts_of(pins)
    others = [each for each in hosts if each not in PUBLIC_HOSTS]
    if not others or len(hosts) > MAX_HOSTS:
        return fit
    first = next(pin for pin in pins if hosts_of([pin]) == [others[0]])
    text = (
        f"packages come from {', '.join(others)}, no public registry: allowed in `hosts`. Take it "
        "out, and lock anew, unless executors are to connect there"
    )
    point = Open(text, Place(first.lock, max(first.line, 1)), f"{PAGE}#dependencies")
    return replace(fit, hosts=tuple(hosts), open=(*fit.open, point))
