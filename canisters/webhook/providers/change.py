"""What has changed at a forge, as every kind of forge tells it. Plain Python."""

from typing import TYPE_CHECKING

from shared.rules.limits import MAX_NAME_CHARS, MAX_TEXT_CHARS
from shared.rules.names import clean_text
from shared.rules.patterns import BRANCH_PREFIX, TAG_PREFIX, ref_name_problem

if TYPE_CHECKING:
    from canisters.webhook.providers.pull_request import PullRequestEvent

SKIP_MARKS = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]")


class Change:
    """What may start one run. `kind` is `branch`, `tag`, `pull request` or `release`.

    `name` is the ref without its prefix, or the pull request's number and target branch. `unwanted`
    says why it can start none, whatever the triggers are.

    `skipped`: the commit message asks to start nothing. `paths` are all files that changed, None
    when the forge does not list all; `before` is the commit that they were changed since, empty
    when the new one is not known to follow it. `note` is what people should know of the decision.
    `untouched`: a trigger wants such changes, but not of these files.
    """

    __slots__ = (
        "author",
        "before",
        "deleted",
        "kind",
        "message",
        "name",
        "note",
        "paths",
        "pull_request",
        "ref",
        "sha",
        "skipped",
        "untouched",
        "unwanted",
    )

    def __init__(self, ref: str, kind: str, name: str) -> None:
        self.ref = ref
        self.kind = kind
        self.name = name
        self.sha = ""
        self.deleted = False
        self.message = ""
        self.author = ""
        self.skipped = False
        self.paths: list[str] | None = None
        self.before = ""
        self.note: str | None = None
        self.untouched = False
        self.unwanted = ""
        self.pull_request: PullRequestEvent | None = None

    def tell(self, message: str, author: str) -> None:
        """Take what the forge says of the commit, cut to what is kept."""
        self.skipped = any(mark in message for mark in SKIP_MARKS)
        self.message = clean_text(message, MAX_TEXT_CHARS)
        self.author = clean_text(author, MAX_NAME_CHARS)


def change_of(ref: str) -> "Change | str":
    """The push of a full ref name, or a sentence saying what is wrong with the name."""
    if ref.startswith(BRANCH_PREFIX):
        change = Change(ref, "branch", ref[len(BRANCH_PREFIX) :])
    elif ref.startswith(TAG_PREFIX):
        change = Change(ref, "tag", ref[len(TAG_PREFIX) :])
    else:
        return "field `ref` does not start with refs/heads/ or refs/tags/"
    problem = ref_name_problem(change.name)
    return change if problem is None else f"field `ref`: {problem}"
