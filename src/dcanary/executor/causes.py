"""What follows from an error: an attested failure, or work that is given back, and why.

Whatever is not about the commit is weather: it is waited out and tried again, and no run ends by
it. Only what this executor will never be able to do is given back for good.
"""

import traceback
from pathlib import Path
from typing import Literal

from dcanary.client.errors import ClientError
from dcanary.download.room import FULL
from dcanary.executor.runtimes import RuntimeUnavailable
from dcanary.executor.sandbox.model import SandboxError
from dcanary.executor.source import (
    SourceError,
    SourceFailure,
    SourceUnable,
    SourceUnavailable,
)
from dcanary.image.errors import DamagedImage, ImageError, NoRoomForImage, RegistryError
from dcanary.objects import ObjectError
from dcanary.secrets.errors import SecretProblem

# The cases of the canister's GiveBackCause.
Cause = Literal["Weather", "Unable", "Stopping"]

# MAX_FAILURE_REASON_BYTES of shared/rules/limits.py.
MAX_REASON_BYTES = 200


def cause_of(error: BaseException) -> tuple[Cause, str]:
    """Why work is given back after an error, and what is said of it.

    SourceFailure has no cause: it is attested to, by `attested_reason`.
    """
    match error:
        # A registry that does not answer, and a disk that is full, may be well tomorrow.
        case RegistryError() | NoRoomForImage():
            return "Weather", str(error)
        # It is not offered any more as it is, and is built anew by the next stage that asks for it.
        case DamagedImage():
            return "Weather", (
                f"an image was damaged, the next stage that asks for it has it built anew: {error}"
            )
        case SourceUnable() | RuntimeUnavailable() | ImageError() | SecretProblem():
            return "Unable", str(error)
        # A sandbox that does not start today (memory, processes, a full disk) may start tomorrow.
        case SourceUnavailable() | SandboxError() | ClientError() | ObjectError():
            return "Weather", str(error)
        case OSError() if error.errno in FULL:
            return "Weather", (
                f"this machine: no room on the disk ({error.strerror}): free some in the "
                "executor's folder and where TMPDIR is"
            )
        case OSError() | MemoryError():
            return "Weather", f"this machine: {str(error) or 'out of memory'}"
        case _:
            # An error of our own comes again with the same input, so others should try.
            return "Unable", described(error)


def described(error: BaseException) -> str:
    """What is said of an error, in one line of characters that any message holds.

    One of our own is said with the line of code that raised it.
    """
    known = SourceError | RuntimeUnavailable | SandboxError | ClientError | ObjectError | OSError
    if isinstance(error, known):
        return str(error).encode(errors="backslashreplace").decode()
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"internal error: {error!a}{where}"


def attested_reason(error: SourceFailure) -> str:
    """The outcome's reason, the same for every operator, within what the canister takes."""
    said = f"{error.about}: {error}".encode(errors="backslashreplace")
    return said[:MAX_REASON_BYTES].decode(errors="ignore")
