"""An installation of the canisters under test, run natively."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from dcanary.testing.native import NativeCanister, NativeNetwork, user_principal

ROOT = Path(__file__).resolve().parents[2]
CANISTERS = ROOT / "canisters"
DOUBLES = Path(__file__).resolve().parent / "doubles"
"""One double a canister, for all tests. The link `shared` there lets them import what is shared."""

OWNER = user_principal(1)
STRANGER = user_principal(2)
ADMIN = user_principal(3)
OPERATOR = user_principal(4)

SECRET = b"secret of the repository demo"
SHA = "0123456789abcdef0123456789abcdef01234567"
FIRST_PAGE = {"cursor": None, "limit": 0}


def sign(body: bytes, secret: bytes = SECRET) -> str:
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()


def push_payload(ref: str = "refs/heads/main", sha: str = SHA, **more: object) -> bytes:
    payload: dict[str, object] = {
        "ref": ref,
        "before": "1" * 40,
        "after": sha,
        "head_commit": {"id": sha, "message": "Count", "author": {"name": "Ada"}},
        "pusher": {"name": "ada"},
        "repository": {"name": "demo"},
    }
    return json.dumps({**payload, **more}).encode()


def delivery_headers(
    body: bytes, delivery: str, event: str = "push", secret: bytes = SECRET
) -> list[tuple[str, str]]:
    return [
        ("content-type", "application/json"),
        ("x-github-event", event),
        ("x-github-delivery", delivery),
        ("x-hub-signature-256", sign(body, secret)),
    ]


class Installation:
    """webhook and pipeline_config, wired; build_executor and verification are doubles."""

    def __init__(self, wired: bool = True) -> None:
        self.network = NativeNetwork()
        self.webhook = self._install("webhook")
        self.pipelines = self._install("pipeline_config")
        self.executor = self.network.install(DOUBLES / "build_executor.py", caller=OWNER)
        self.verification = self.network.install(DOUBLES / "verification.py", caller=OWNER)
        self.siblings = {
            "webhook": self.webhook.id,
            "pipeline_config": self.pipelines.id,
            "build_executor": self.executor.id,
            "verification": self.verification.id,
            "deployment": user_principal(101),
        }
        if wired:
            self.wire()

    def _install(self, name: str) -> NativeCanister:
        return self.network.install(CANISTERS / name / "main.py", caller=OWNER)

    def wire(self) -> None:
        for canister in (self.webhook, self.pipelines):
            assert canister.update("wire", self.siblings, caller=OWNER) == {"Ok": None}

    def run_until_idle(self) -> None:
        """Let the timers that are due now run, until no message between canisters is pending."""
        self.network.advance(0)

    def register_repository(self, name: str = "demo", secret: bytes = SECRET) -> dict[str, Any]:
        value = {
            "repository": name,
            "provider": {"GitHub": None},
            "clone_url": f"https://example.org/{name}.git",
            "secret": secret,
        }
        made: dict[str, Any] = ok(self.webhook.update("register_repository", value, caller=OWNER))
        return made

    def deliver(
        self,
        delivery: str = "d-1",
        body: bytes | None = None,
        *,
        repository: str = "demo",
        event: str = "push",
        secret: bytes = SECRET,
    ) -> tuple[int, dict[str, Any]]:
        """POST a signed delivery as a forge does; status and JSON of the answer.

        Without `body` it is a push of the same commit whose bytes are those of this id alone.
        """
        raw = push_payload(compare=delivery) if body is None else body
        answer = self.webhook.http(
            "POST",
            f"/webhook/github/{repository}",
            delivery_headers(raw, delivery, event, secret),
            raw,
        )
        return answer["status_code"], json.loads(answer["body"])

    def delivery(self, delivery: str = "d-1", repository: str = "demo") -> dict[str, Any]:
        found: dict[str, Any] = ok(self.webhook.query("get_delivery", repository, delivery))
        return found


def ok(result: dict[str, Any]) -> Any:
    assert "Ok" in result, result
    return result["Ok"]


def error(result: dict[str, Any], kind: str) -> str:
    """The sentence of an error of the given kind."""
    assert list(result) == ["Err"], result
    assert list(result["Err"]) == [kind], result
    sentence = result["Err"][kind]
    assert isinstance(sentence, str)
    assert sentence
    return sentence
