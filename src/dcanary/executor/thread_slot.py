"""What is done in a thread of its own, and may be left undone: the canister gives it out again."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from dcanary.executor.causes import cause_of
from dcanary.executor.chain import Chain
from dcanary.executor.config import ExecutorConfig


class ThreadSlot(ABC):
    """A `Slot` whose work is `perform`; `ended` is called after it.

    `failed` says what has happened when it breaks off, before the reason.
    """

    def __init__(
        self,
        chain: Chain,
        job: str,
        config: ExecutorConfig,
        ended: Callable[[], None],
        failed: str,
    ) -> None:
        self.job = job
        self._config, self._ended, self._failed = config, ended, failed
        self._chain = chain.another()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="slot", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """See `Slot.wait`."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """See `Slot.cancel`."""
        self._ending.set()

    def close(self) -> None:
        """See `Slot.close`."""
        self._ending.set()
        self._chain.close()

    def _run(self) -> None:
        try:
            self.perform()
        except Exception as error:
            _, said = cause_of(error)
            self._config.report(f"{self.job}: {self._failed}: {said}")
        self._ended()

    @abstractmethod
    def perform(self) -> None:
        """Do the work, in this thread. Raises ClientError when the chain does not answer."""
