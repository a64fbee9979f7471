"""What a stage must be that fetches packages. Plain Python.

Executors download; no command of the repository runs. The one artifact is the manifest of what was
fetched: its bytes go on chain, those of the packages never do.
"""

from typing import TYPE_CHECKING

from canisters.pipeline_config.pipelines.paths import path_problem
from shared.rules.limits import MAX_HOSTS, MAX_LOCKS, MAX_NEED_CHARS

if TYPE_CHECKING:
    from shared.types.pipeline import Stage

_HOST_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-:")


def manifest_path(stage_name: str) -> str:
    return f"{stage_name}.manifest"


def _list_problem(field: str, entries: "list[str]", most: int, limit: str) -> "str | None":
    if len(entries) > most:
        return f"fetch.{field}: {len(entries)} of them, over {most} ({limit})"
    if len(set(entries)) != len(entries):
        return f"fetch.{field}: one is named twice"
    return None


def _locks_problem(locks: "list[str]") -> "str | None":
    if not locks:
        return "fetch.locks: name at least one lock file"
    problem = _list_problem("locks", locks, MAX_LOCKS, "MAX_LOCKS")
    if problem is not None:
        return problem
    for lock in locks:
        problem = path_problem(lock)
        if problem is not None:
            return f"fetch.locks: `{lock[:80]}`: {problem}"
    return None


def _hosts_problem(hosts: "list[str]") -> "str | None":
    problem = _list_problem("hosts", hosts, MAX_HOSTS, "MAX_HOSTS")
    if problem is not None:
        return problem
    for host in hosts:
        if not 0 < len(host) <= MAX_NEED_CHARS or any(each not in _HOST_LETTERS for each in host):
            return f"fetch.hosts: `{host[:80]}` is no host such as registry.example.org"
    return None


def _rest_problem(stage: "Stage") -> "str | None":
    """What makes no sense where no command runs."""
    needs, keep = stage["needs"], stage["keep"]
    if stage["commands"]:
        return "commands: a stage that fetches runs none: put them into a later stage"
    if "Shell" not in stage["runtime"] or (needs is not None and needs["image"] is not None):
        return "runtime: a stage that fetches needs no tools: use Shell and no image"
    if stage["resources"]["network"]:
        return "resources.network: a stage that fetches runs no commands that could use it"
    if stage["artifacts"] != [manifest_path(stage["name"])]:
        return f"artifacts: that of a stage that fetches is `{manifest_path(stage['name'])}`"
    if stage["secrets"] or stage["reports"] is not None or stage["cache"] is not None:
        return "secrets, reports and cache are for stages with commands"
    if keep is not None and "Chain" in keep:
        return "keep: packages stay with executors: use Executors"
    return None


def fetch_problem(stage: "Stage") -> "str | None":
    """Why a stage that fetches is refused, or None; also for any other stage."""
    fetch = stage["fetch"]
    if fetch is None:
        return None
    return _locks_problem(fetch["locks"]) or _hosts_problem(fetch["hosts"]) or _rest_problem(stage)
