"""A pull request as every kind of forge tells it. Plain Python.

Titles, labels and names in it are what strangers have written.
"""

from canisters.webhook.deliveries.payload import text_at
from canisters.webhook.providers.change import Change
from shared.rules.limits import MAX_NAME_CHARS, MAX_REF_CHARS, MAX_TEXT_CHARS
from shared.rules.names import clean_text, is_commit_id
from shared.rules.patterns import BRANCH_PREFIX, ref_name_problem
from shared.rules.pull_requests import head_ref

MAX_LABELS = 100
MAX_NUMBER = 2**63


class PullRequestEvent:
    """`action` is what has happened, in the words of `shared.rules.pull_requests.TYPES` or others.

    `fork`: the head is not a branch of the repository itself. `deploys` is what the trigger says.
    """

    __slots__ = (
        "action",
        "deploys",
        "draft",
        "fork",
        "head",
        "head_repository",
        "labels",
        "number",
        "target",
        "title",
    )

    def __init__(self, number: int, action: str, title: str) -> None:
        self.number = number
        self.action = clean_text(action, MAX_NAME_CHARS)
        self.title = clean_text(title, MAX_TEXT_CHARS)
        self.target = ""
        self.head = ""
        self.head_repository = ""
        self.fork = True
        self.draft = False
        self.labels: list[str] = []
        self.deploys = False


def number_at(value: object) -> int:
    """A pull request's number, or 0, which none has."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < MAX_NUMBER:
        return 0
    return value


def labels_at(value: object, key: str) -> "list[str]":
    """Names of labels; MAX_LABELS at most, for each is matched."""
    listed = value if isinstance(value, list) else []
    return [clean_text(text_at(each, key), MAX_NAME_CHARS) for each in listed[:MAX_LABELS]]


def pull_change(
    provider: str, pull: PullRequestEvent, branch: str, target: str, repository: str
) -> "Change | str":
    """The change that a pull request is, to be given its commit; or what is wrong with it.

    A branch of the repository itself is built by its name; of a fork the ref of the pull request
    is, which the forge shows in the repository.
    """
    problem = ref_name_problem(target)
    if problem is not None:
        return f"its target branch: {problem}"
    pull.target = target
    pull.head = clean_text(branch, MAX_REF_CHARS)
    pull.head_repository = clean_text(repository, MAX_REF_CHARS)
    ref = head_ref(provider, pull.number)
    if not pull.fork:
        problem = ref_name_problem(branch)
        if problem is not None:
            return f"its branch: {problem}"
        ref = BRANCH_PREFIX + branch
    change = Change(ref, "pull request", f"{pull.number} into {target}")
    change.pull_request = pull
    return change


def describe(change: Change, sha: str, body: str, author: str) -> "list[Change] | str":
    """Give the change its commit and what is known of it. A mark in title or body skips it."""
    pull = change.pull_request
    title = "" if pull is None else pull.title
    if not is_commit_id(sha):
        return "its head is not a commit id of 40 or 64 lower-case hexadecimal digits"
    change.sha = sha
    change.tell(f"{title}\n{body}", author)
    change.message = title
    return [change]


def read_like_github(provider: str, payload: "dict[str, object]") -> "list[Change] | str":
    """The pull request of a payload in GitHub's words, which Gitea has as well."""
    told = payload.get("pull_request")
    if not isinstance(told, dict):
        return "field `pull_request` is missing"
    number = number_at(told.get("number"))
    if not number:
        return "field `pull_request.number` is no number"
    action = text_at(payload, "action")
    # Gitea's own words.
    action = {"synchronized": "synchronize", "label_updated": "labeled"}.get(action, action)
    pull = PullRequestEvent(number, action, text_at(told, "title"))
    pull.draft = told.get("draft") is True
    pull.labels = labels_at(told.get("labels"), "name")
    branch = text_at(told, "head", "ref")
    pull.fork = not _is_own(payload, told, branch)
    repository = text_at(told, "head", "repo", "full_name")
    change = pull_change(provider, pull, branch, text_at(told, "base", "ref"), repository)
    if isinstance(change, str):
        return change
    author = text_at(told, "user", "login")
    return describe(change, text_at(told, "head", "sha"), text_at(told, "body"), author)


def _is_own(payload: "dict[str, object]", told: "dict[str, object]", branch: str) -> bool:
    """Whether the head is a branch of the repository itself; whatever is not clear is a fork's.

    Gitea tells a pull request that was made by a push to refs/for/…, which needs no right to write,
    with the repository itself as its head; but its head has no label, and no branch.
    """
    base, head = payload.get("repository"), told.get("head")
    repository = head.get("repo") if isinstance(head, dict) else None
    if not isinstance(base, dict) or not isinstance(repository, dict):
        return False
    if not text_at(head, "label") or not branch or branch.startswith("refs/"):
        return False
    name = text_at(base, "full_name").lower()
    return (
        bool(name)
        and text_at(repository, "full_name").lower() == name
        and repository.get("id") == base.get("id")
    )
