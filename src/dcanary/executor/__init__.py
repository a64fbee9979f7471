"""The executor: leases jobs, builds them in a sandbox, attests to what came out."""

from dcanary.executor.chain import Chain
from dcanary.executor.checkout import CheckoutLimits
from dcanary.executor.config import ExecutorConfig
from dcanary.executor.executor import Executor
from dcanary.executor.runtimes import RuntimeUnavailable
from dcanary.executor.state import StateError

__all__ = [
    "Chain",
    "CheckoutLimits",
    "Executor",
    "ExecutorConfig",
    "RuntimeUnavailable",
    "StateError",
]
