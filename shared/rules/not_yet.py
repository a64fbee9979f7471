"""What the canisters do not do yet: one entry for each refusal, with the sentence that it gives.

`docs/reference/not-yet.md` is generated from the entries. A feature that arrives deletes its
entry; mypy then names the refusals that go with it. The host's table is `src/dcanary/not_yet.py`.
"""


class NotYet:
    """`what` is missing, `where` users meet it, and the `answer` that they get there, with what to
    do instead. `{}` in the answer stands for what they asked for."""

    def __init__(self, what: str, where: str, answer: str) -> None:
        self.what = what
        self.where = where
        self.answer = answer

    def sentence(self, asked: str = "") -> str:
        """The answer to who asked for `asked`."""
        return self.answer.replace("{}", asked)


OTHER_EVENTS = NotYet(
    "events other than pushes, pull requests and releases of GitLab; pull requests of Bitbucket, "
    "whose deliveries name no whole commit id",
    "HTTP 200, `ignored`",
    "ignored, because event {} is not supported yet",
)
RELEASES = NotYet(
    "releases of GitHub, Gitea and Forgejo, whose deliveries name a tag and not its commit",
    "HTTP 200, `ignored`",
    "ignored, because releases of this forge are not supported yet: the delivery names a tag and "
    "not its commit. A trigger of tags starts a run when the tag is pushed",
)
OTHER_CLONE_URLS = NotYet(
    "clone URLs other than `https://` and `http://`",
    "`register_repository`: Invalid",
    "clone_url must start with https:// or http://, others are not supported yet: to clone over "
    "SSH give the https:// URL here and set a deploy key (dcanary repository credential set)",
)
FAILED_STAGES = NotYet(
    "running the failed stages of a run again",
    "`retry_run`: Conflict",
    "{} neither waits for an approval nor failed at its approval or release: only that can be "
    "tried again. Running its failed stages alone is not supported yet: start a new run of the "
    "commit with trigger_run",
)
OTHER_GATES = NotYet(
    "gates other than the artifact's size",
    "the gate fails, the approval request is Blocked",
    "this gate is not supported yet: take it out of the pipeline",
)
