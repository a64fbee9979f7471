"""The queue: which stage an executor is given next, found without looking at all that wait.

Executors of one operator with the same offer share a lane. A lane holds the stages that they fit
and whose jobs are free for their operator, by repository and place, and the repositories by rank.
A change of a stage or of a repository's rank costs O(log n) in each lane, and choosing reads the
front of one. Kept in memory; made again from the open stages after an upgrade.

Rejected: one queue for all. Stages that an operator has answered, while others have not yet, stay
in it and would be passed over again and again: a slow operator would make the others' queries dear.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from heapq import merge
from typing import TYPE_CHECKING, Any

from canisters.build_executor.jobs import rules
from canisters.build_executor.jobs.groups import Groups
from canisters.build_executor.jobs.pauses import pauses_of
from canisters.build_executor.jobs.shares import Place, Rank, leased, place_of
from shared.rules import matching

if TYPE_CHECKING:
    from canisters.build_executor.records import StageRecord
    from shared.types.executor import ExecutorOffer

MAX_KNOWN_FITS = 1_000
Wanted = list[tuple[str, str, "int | str | bool"]]


def free_from_ns(stage: "StageRecord", operator: str) -> "int | None":
    """From when on a job of the stage is free for an operator, if nothing else happens; else None.

    0: at any time. Pauses of single executors are not counted.
    """
    if "Building" not in stage["state"]:
        return None
    is_queued = False
    for job in stage["jobs"]:
        if "Queued" in job["state"]:
            is_queued = True
        elif job["operator"] == operator and "Lost" not in job["state"]:
            return None
    if not is_queued:
        return None
    from_ns = rules.reopens_ns(stage) if stage["closing"] else 0
    for pause in pauses_of(stage):
        if pause["operator"] == operator and pause["executor"] == "":
            from_ns = max(from_ns, pause["until_ns"])
    return from_ns


def over(stage: "StageRecord", now: int) -> int:
    """How many leases of a stage have run out by `now`, and nobody has looked yet."""
    return sum(job["lease_until_ns"] <= now for job in leased(stage))


def requirements(stage: "StageRecord") -> Wanted:
    """What a stage asks of an executor."""
    for runtime in stage["runtime"]:
        return matching.requirements(runtime, stage["resources"], stage["needs"])
    return []


class Lane:
    """The stages that executors of one operator with one offer may take.

    `waiting` are those that are free, `later` those that are free from a time on.
    """

    def __init__(
        self, name: str, operator: str, runtimes: "set[str]", offer: "ExecutorOffer"
    ) -> None:
        self.name = name
        self.operator = operator
        self.executors: set[str] = set()
        self.waiting: dict[str, list[Place]] = {}
        self.ranks: list[Rank] = []
        self.later: list[tuple[int, str]] = []
        self._runtimes = runtimes
        self._offer = offer
        self._held: dict[str, tuple[int, str, Place]] = {}
        self._fits: dict[str, bool] = {}

    def fits(self, wanted: Wanted) -> bool:
        """Whether the offer has all that is wanted."""
        name = repr(wanted)
        known = self._fits.get(name)
        if known is None:
            if len(self._fits) >= MAX_KNOWN_FITS:
                self._fits.clear()
            known = matching.misfit(wanted, self._runtimes, self._offer) is None
            self._fits[name] = known
        return known

    def holds(self, key: str) -> bool:
        """Whether the stage is free for the lane now."""
        held = self._held.get(key)
        return held is not None and held[0] == 0

    def put(self, key: str, repository: str, place: Place, from_ns: int, rank: Rank) -> None:
        """Hold a stage, or move one that is held."""
        held = self._held.get(key)
        if held == (from_ns, repository, place):
            return
        self.drop(key, rank)
        self._held[key] = (from_ns, repository, place)
        if from_ns > 0:
            insort(self.later, (from_ns, key))
            return
        places = self.waiting.get(repository)
        if places is None:
            self.waiting[repository] = [place]
            insort(self.ranks, rank)
        else:
            insort(places, place)

    def drop(self, key: str, rank: Rank) -> None:
        """Hold a stage no longer. `rank` is that of its repository."""
        held = self._held.pop(key, None)
        if held is None:
            return
        from_ns, repository, place = held
        if from_ns > 0:
            _take(self.later, (from_ns, key))
            return
        places = self.waiting[repository]
        _take(places, place)
        if not places:
            del self.waiting[repository]
            _take(self.ranks, rank)

    def rerank(self, before: Rank, rank: Rank) -> None:
        """The rank of a repository has changed."""
        if rank[2] in self.waiting:
            _take(self.ranks, before)
            insort(self.ranks, rank)

    def in_order(self) -> "Iterator[tuple[Rank, Place]]":
        """The free stages, the one to be given first, first."""
        for rank in self.ranks:
            for place in self.waiting[rank[2]]:
                yield rank, place

    def due(self, now: int) -> "list[str]":
        """Stages that have become free by `now`."""
        found: list[str] = []
        for from_ns, key in self.later:
            if from_ns > now:
                break
            found.append(key)
        return found

    def place_of(self, key: str) -> Place:
        return self._held[key][2]


class Queue:
    """All lanes, the ranks of repositories, and the stages that are Building."""

    def __init__(self, used_of: "Callable[[str], int]") -> None:
        self._used_of = used_of
        self._lanes: dict[str, Lane] = {}
        self._lane_of: dict[str, Lane] = {}
        self._known: dict[str, object] = {}
        self._stages: dict[str, StageRecord] = {}
        self._wanted: dict[str, Wanted] = {}
        self._shapes: dict[str, object] = {}
        self._ranks: dict[str, Rank] = {}
        self._building: dict[str, int] = {}
        self._leased: dict[str, int] = {}
        self._barred: dict[str, dict[str, int]] = {}
        self._barred_at: dict[str, list[str]] = {}
        self._groups = Groups()

    # Executors

    def set_lane(
        self,
        executor: str,
        operator: str,
        runtimes: "set[str]",
        offer: "ExecutorOffer | None",
        is_active: bool,
    ) -> None:
        """An executor is there, with what it offers; without an offer it takes no builds.

        The first one with its operator and offer costs a look at all stages that are Building.
        """
        known = (operator, runtimes, offer, is_active)
        if self._known.get(executor) == known:
            return
        self._known[executor] = known
        name = "" if offer is None or not is_active else repr((operator, sorted(runtimes), offer))
        lane = self._lanes.get(name)
        if lane is None and offer is not None and name:
            lane = Lane(name, operator, runtimes, offer)
            self._lanes[name] = lane
            for key, stage in self._stages.items():
                self._place(lane, key, stage)
        before = self._lane_of.pop(executor, None)
        if lane is not None:
            self._lane_of[executor] = lane
            lane.executors.add(executor)
        if before is not None and before is not lane:
            before.executors.discard(executor)
            if not before.executors:
                del self._lanes[before.name]

    def barred(self, executor: str) -> "list[str]":
        """Stages that the executor, and not its operator, is not asked for."""
        return list(self._barred.get(executor, ()))

    # Stages

    def is_known(self, repository: str) -> bool:
        """Whether stages of the repository are Building."""
        return repository in self._building

    def put(self, key: str, stage: "StageRecord") -> None:
        """A stage that is Building was opened or has changed."""
        repository = stage["repository"]
        shape = _shape(stage)
        if self._shapes.get(key) == shape:
            return
        if key not in self._stages:
            self._building[repository] = self._building.get(repository, 0) + 1
            self._wanted[key] = requirements(stage)
        self._stages[key] = stage
        self._shapes[key] = shape
        self._bar(key, stage)
        at_work = len(leased(stage))
        self._set_leased(key, repository, at_work)
        self._place_all([key, *self._groups.put(key, stage, at_work)])

    def drop(self, key: str) -> None:
        """A stage is not Building any more."""
        stage = self._stages.get(key)
        if stage is None:
            return
        repository = stage["repository"]
        for lane in self._lanes.values():
            lane.drop(key, self._rank(repository))
        self._set_leased(key, repository, 0)
        self._bar(key, None)
        del self._stages[key]
        del self._shapes[key]
        del self._wanted[key]
        self._leased.pop(key, None)
        self._building[repository] -= 1
        if not self._building[repository]:
            del self._building[repository]
            # Not there where no executor ever asked for the rank.
            self._ranks.pop(repository, None)
        self._place_all(self._groups.drop(key))

    def has_room(self, key: str) -> bool:
        """Whether the bound of the stage's group lets one more of its jobs be at work."""
        return self._groups.has_room(key)

    def sharing(self, key: str, stage: "StageRecord") -> "list[str]":
        """The other stages that are Building and share the bound of the stage."""
        return self._groups.sharing(key, stage)

    def at_work(self, key: str) -> int:
        """How many jobs of the stage's group are at work; 0 where they have no bound."""
        return self._groups.at_work(key)

    def set_used(self, repository: str, used_ns: int) -> None:
        """A repository was charged for work."""
        if repository in self._building:
            self._set_rank((self._rank(repository)[0], used_ns, repository))

    def promote(self, now: int) -> None:
        """What has become free by `now` waits like the rest."""
        for lane in self._lanes.values():
            for key in lane.due(now):
                repository = self._stages[key]["repository"]
                lane.put(key, repository, lane.place_of(key), 0, self._rank(repository))

    def candidates(self, executor: str, overdue: "list[str]", now: int) -> "Iterator[str]":
        """Keys of stages that the executor may be given at `now`, the first to be given first.

        `overdue` are stages that time has changed and nobody has looked at yet: they are among
        the candidates where they fit, whatever was known of them before.
        """
        lane = self._lane_of.get(executor)
        if lane is None:
            return
        barred = self._barred.get(executor, {})
        extra: list[tuple[Rank, Place]] = []
        for key in dict.fromkeys([*lane.due(now), *overdue]):
            stage = self._stages.get(key)
            if stage is None or lane.holds(key) or not lane.fits(self._wanted[key]):
                continue
            if self._groups.has_room(key, over(stage, now)):
                extra.append((self._rank(stage["repository"]), place_of(stage, key)))
        extra.sort()
        for _, place in merge(lane.in_order(), extra) if extra else lane.in_order():
            if barred.get(place[3], 0) <= now:
                yield place[3]

    def _place_all(self, keys: "list[str]") -> None:
        for lane in self._lanes.values():
            for key in keys:
                self._place(lane, key, self._stages[key])

    def _place(self, lane: Lane, key: str, stage: "StageRecord") -> None:
        rank = self._rank(stage["repository"])
        from_ns = free_from_ns(stage, lane.operator) if self._groups.has_room(key) else None
        if from_ns is None or not lane.fits(self._wanted[key]):
            lane.drop(key, rank)
        else:
            lane.put(key, stage["repository"], place_of(stage, key), from_ns, rank)

    def _bar(self, key: str, stage: "StageRecord | None") -> None:
        for executor in self._barred_at.pop(key, ()):
            self._barred[executor].pop(key)
            if not self._barred[executor]:
                del self._barred[executor]
        pauses = [] if stage is None else [p for p in pauses_of(stage) if p["executor"]]
        for pause in pauses:
            self._barred.setdefault(pause["executor"], {})[key] = pause["until_ns"]
        if pauses:
            self._barred_at[key] = [pause["executor"] for pause in pauses]

    # Ranks

    def _rank(self, repository: str) -> Rank:
        rank = self._ranks.get(repository)
        if rank is None:
            rank = (0, self._used_of(repository), repository)
            self._ranks[repository] = rank
        return rank

    def _set_leased(self, key: str, repository: str, count: int) -> None:
        added = count - self._leased.get(key, 0)
        self._leased[key] = count
        if added:
            rank = self._rank(repository)
            self._set_rank((rank[0] + added, rank[1], repository))

    def _set_rank(self, rank: Rank) -> None:
        before = self._rank(rank[2])
        self._ranks[rank[2]] = rank
        for lane in self._lanes.values():
            lane.rerank(before, rank)

    def described(self) -> "dict[str, object]":
        """What the lanes hold, for comparison with a queue made anew."""
        return {
            name: (lane.waiting, lane.ranks, lane.later, lane.executors)
            for name, lane in self._lanes.items()
        }


def _shape(stage: "StageRecord") -> object:
    """All of a stage that lanes depend on. A heartbeat does not change it."""
    return (
        [(list(job["state"]), job["operator"]) for job in stage["jobs"]],
        stage["closing"],
        stage["closing_ns"],
        [(p["operator"], p["executor"], p["until_ns"]) for p in pauses_of(stage)],
    )


def _take(ordered: "list[Any]", value: object) -> None:
    """Take a value out of a sorted list that has it."""
    del ordered[bisect_left(ordered, value)]
