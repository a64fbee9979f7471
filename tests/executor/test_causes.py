"""What an error means for the work, and what is said of it."""

import errno
import os

import pytest

from dcanary.executor.causes import MAX_REASON_BYTES, cause_of


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_weather_and_says_where_to_make_room(number: int) -> None:
    cause, reason = cause_of(OSError(number, os.strerror(number), "/a/folder/of/the/operator"))
    assert cause == "Weather"
    assert f"no room on the disk ({os.strerror(number)}): free some in the" in reason
    # The reason is on chain: it tells nothing of the machine.
    assert "/a/folder" not in reason
    assert len(reason.encode()) <= MAX_REASON_BYTES


def test_other_troubles_of_the_machine_are_weather_as_they_are_said() -> None:
    assert cause_of(OSError(errno.EMFILE, "Too many open files")) == (
        "Weather",
        "this machine: [Errno 24] Too many open files",
    )
    assert cause_of(MemoryError()) == ("Weather", "this machine: out of memory")
