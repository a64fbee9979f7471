"""What an executor has to run stages with: its runtimes, and images that are made for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dcanary.client.types.build_executor import ExecutorOffer, Stage
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.fetching import FETCH
from dcanary.executor.images import image_runtime
from dcanary.executor.offer import make_offer, unfit
from dcanary.executor.runtimes import Runtime, RuntimeOptions, RuntimeUnavailable, find_runtime
from dcanary.executor.sandbox.unsandboxed import UnsandboxedRunner
from dcanary.executor.source import SourceUnable


class OwnRuntimes:
    """The runtimes by name, none before `find`; `tools` is the folder for what they need."""

    def __init__(self, config: ExecutorConfig, tools: Path) -> None:
        self._config, self._tools = config, tools
        self._found: dict[str, Runtime] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def unsandboxed(self) -> bool:
        """Whether commands run without the sandbox, and then with this machine's tools only."""
        return isinstance(self._config.sandbox, UnsandboxedRunner)

    def find(self) -> dict[str, str]:
        """Find the runtimes. Returns what is missing: runtime -> why.

        Raises RuntimeUnavailable when there is none at all.
        """
        options = RuntimeOptions(
            self._tools,
            sandboxed=not self.unsandboxed,
            node_modules=self._config.node_modules,
            template=self._config.template,
        )
        missing: dict[str, str] = {}
        for name in self._config.runtimes:
            try:
                self._found[name] = find_runtime(name, options)
            except RuntimeUnavailable as error:
                missing[name] = str(error)
                self._config.report(f"without the runtime {name}: {error}")
        if not self._found:
            raise RuntimeUnavailable("; ".join(missing.values()) or "no runtime is asked for")
        return missing

    def offer(self) -> ExecutorOffer:
        """What they let the executor offer."""
        return make_offer(self._config, self._found)

    def unfit(self, stage: Stage) -> str | None:
        """Why a stage cannot be performed with them; None when it can."""
        return unfit(stage, self.offer())

    def of(self, stage: Stage) -> Runtime:
        """What a stage finds. Raises RuntimeUnavailable when its image cannot be had."""
        if stage["fetch"] is not None:
            return FETCH
        needs = stage["needs"]
        if needs is None or needs["image"] is None:
            return self._found[next(iter(stage["runtime"])).lower()]
        # Never this machine's tools in the image's place: what they make would be attested as the
        # image's.
        if self._config.images is None or self.unsandboxed:
            raise RuntimeUnavailable("this executor runs no stages in images")
        return image_runtime(
            self._config.images,
            needs["image"],
            next(iter(stage["runtime"])).lower(),
            self._config.image_builder,
            needs["image_lock"],
        )

    def again(self, stage: Stage) -> Runtime:
        """What an earlier stage finds that is built again. Raises SourceUnable for an unfit one."""
        why = self.unfit(stage)
        if why is not None:
            raise SourceUnable(f"the stage {stage['name']} cannot be built again here: {why}")
        return self.of(stage)
