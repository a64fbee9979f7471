"""Stages of one run that share a bound of jobs at work: those of one matrix, or one stage alone.

Kept in memory beside the queue. A change costs at most the stages of the group, which a pipeline
bounds, and that only when the bound is reached or left. A lease that ran out and is restored to its
executor may take a group over its bound: what was worked for is not thrown away for that.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canisters.build_executor.records import StageRecord


def group_of(stage: "StageRecord") -> str:
    """Name of the group of a stage, among all runs."""
    group = stage["group"]
    return f"{stage['run']}//{stage['name']}" if group is None else f"{stage['run']}/{group}"


class Groups:
    """How many jobs are at work in each group of which a stage has a bound (`parallel`)."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._bounds: dict[str, int] = {}
        self._at_work: dict[str, dict[str, int]] = {}

    def put(self, key: str, stage: "StageRecord", at_work: int) -> "list[str]":
        """Note how many jobs of a stage are at work; the other stages that this frees or stops."""
        bound = stage["parallel"]
        if bound is None:
            return []
        name = group_of(stage)
        members = self._at_work.setdefault(name, {})
        before = self._with_room(name)
        self._names[key] = name
        self._bounds[key] = bound
        members[key] = at_work
        return self._changed(name, key, before)

    def drop(self, key: str) -> "list[str]":
        """A stage is not Building any more; the other stages that this frees."""
        name = self._names.pop(key, None)
        if name is None:
            return []
        before = self._with_room(name)
        del self._bounds[key]
        del self._at_work[name][key]
        if not self._at_work[name]:
            del self._at_work[name]
            return []
        return self._changed(name, key, before)

    def sharing(self, key: str, stage: "StageRecord") -> "list[str]":
        """The other stages of the group of a stage; none where it has no bound."""
        if stage["parallel"] is None:
            return []
        return [each for each in self._at_work.get(group_of(stage), {}) if each != key]

    def has_room(self, key: str, ended: int = 0) -> bool:
        """Whether one more job of the stage may be at work when `ended` of those there are over."""
        bound = self._bounds.get(key)
        return bound is None or self.at_work(key) - ended < bound

    def at_work(self, key: str) -> int:
        """How many jobs of the stage's group are at work; 0 where there is no bound."""
        name = self._names.get(key)
        return 0 if name is None else sum(self._at_work[name].values())

    def _with_room(self, name: str) -> "dict[str, bool]":
        members = self._at_work.get(name, {})
        total = sum(members.values())
        return {key: total < self._bounds[key] for key in members}

    def _changed(self, name: str, changed: str, before: "dict[str, bool]") -> "list[str]":
        after = self._with_room(name)
        return [
            key for key, has_room in after.items() if key != changed and before.get(key) != has_room
        ]
