"""The phases that a release can be in, each with the state that people see. Plain Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.types.release import ReleaseState


class Phase:
    """One phase. `name` is stored in the release's progress; `state` is its public state."""

    __slots__ = ("name", "state")

    def __init__(self, name: str, state: "ReleaseState") -> None:
        self.name = name
        self.state = state


FETCH = Phase("fetch", {"Fetching": None})
VERIFY = Phase("verify", {"Fetching": None})
CREATE = Phase("create", {"Creating": None})
LOOK = Phase("look", {"Fetching": None})
STOP = Phase("stop", {"Stopping": None})
SNAPSHOT = Phase("snapshot", {"Snapshotting": None})
CLEAR = Phase("clear", {"Uploading": None})
UPLOAD = Phase("upload", {"Uploading": None})
CONFIRM = Phase("confirm", {"Installing": None})
INSTALL = Phase("install", {"Installing": None})
LOAD = Phase("load", {"Installing": None})
RECHECK = Phase("recheck", {"Installing": None})
START = Phase("start", {"Starting": None})
SURVEY = Phase("survey", {"Uploading": None})
PERMIT = Phase("permit", {"Uploading": None})
BATCH = Phase("batch", {"Uploading": None})
CHUNK = Phase("chunk", {"Uploading": None})
COMMIT = Phase("commit", {"Uploading": None})
CHECK = Phase("check", {"Checking": None})
RECOVER = Phase("recover", {"Starting": None})
ASSESS = Phase("assess", {"Checking": None})
UNDO_LOOK = Phase("undo look", {"RollingBack": None})
UNDO_STOP = Phase("undo stop", {"RollingBack": None})
UNDO_LOAD = Phase("undo load", {"RollingBack": None})
UNDO_EMPTY = Phase("undo empty", {"RollingBack": None})
