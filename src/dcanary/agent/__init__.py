"""The executor: leases jobs, builds them in a sandbox, attests to what came out."""

from dcanary.agent.chain import Chain
from dcanary.agent.checkout import CheckoutLimits
from dcanary.agent.config import ExecutorConfig
from dcanary.agent.executor import Executor
from dcanary.agent.runtimes import RuntimeUnavailable
from dcanary.agent.state import StateError

__all__ = [
    "Chain",
    "CheckoutLimits",
    "Executor",
    "ExecutorConfig",
    "RuntimeUnavailable",
    "StateError",
]
