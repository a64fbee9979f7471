"""What follows from an error: an attested failure, or work that is given back, and why.

Whatever is not about the commit is weather: it is waited out and tried again, and no run ends by
it. Only what this executor will never be able to do is given back for good.
"""

from typing import Literal

from dcanary.client.errors import ClientError
from dcanary.executor.runtimes import RuntimeUnavailable
from dcanary.executor.sandbox.model import SandboxError
from dcanary.executor.source import SourceFailure, SourceUnable, SourceUnavailable

# The cases of the canister's GiveBackCause.
Cause = Literal["Weather", "Unable", "Stopping"]

# MAX_FAILURE_REASON_BYTES of shared/rules/limits.py.
MAX_REASON_BYTES = 200


def cause_of(error: BaseException) -> tuple[Cause, str]:
    """Why work is given back after an error, and what is said of it.

    SourceFailure has no cause: it is attested to, by `attested_reason`.
    """
    match error:
        case SourceUnable() | RuntimeUnavailable():
            return "Unable", str(error)
        # A sandbox that does not start today (memory, processes, a full disk) may start tomorrow.
        case SourceUnavailable() | SandboxError() | ClientError():
            return "Weather", str(error)
        case OSError():
            return "Weather", f"this machine: {error}"
        case _:
            # An error of our own comes again with the same input, so others should try.
            return "Unable", f"internal error: {error!r}"


def attested_reason(error: SourceFailure) -> str:
    """The outcome's reason, the same for every operator, within what the canister takes."""
    return f"source: {error}".encode()[:MAX_REASON_BYTES].decode(errors="ignore")
