"""The secrets of a leased job: asked for, opened with this executor's key, never written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from dcanary.client.errors import RefusedError
from dcanary.client.types.build_executor import BuildWork, ResolveWork
from dcanary.client.types.pipeline_config import HandedSecret, SecretGrant
from dcanary.executor.chain import Chain
from dcanary.executor.checkout import Credential
from dcanary.secrets.errors import SecretProblem
from dcanary.secrets.keys import public_bytes
from dcanary.secrets.sealing import Place, unseal

# What will not be otherwise when it is asked for again: somebody must set or seal a secret, or the
# run is one that gets none.
_LASTING = ("NotFound", "Denied")


@dataclass(frozen=True)
class Secrets:
    """What a job is given: `values` are variables of its stage, `credential` is of its checkout."""

    values: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    credential: Credential | None = None

    def all_bytes(self) -> list[bytes]:
        """Everything that no log may show."""
        found = list(self.values.values())
        if self.credential is not None:
            found += [self.credential.token.encode(), self.credential.header.encode()]
        return found


def take_secrets(chain: Chain, work: BuildWork, key: X25519PrivateKey | None) -> Secrets:
    """The secrets that a leased job's stage lists, and what its repository is cloned with.

    Raises SecretProblem when this executor can have them only after somebody has done something,
    and ClientError when the chain does not answer.
    """
    names = work["stage"]["secrets"] or []
    if key is None:
        if names:
            raise SecretProblem(f"this executor takes no secrets, and the stage lists {names[0]}")
        return Secrets()
    source = work["source"]
    # A node that answers this wrongly makes the clone fail, and gets nothing.
    if not names and chain.get_credential(source["repository"]) is None:
        return Secrets()
    grant = _granted(chain, work["job"], work["attempt"])
    opener = _Opener(chain, key)
    values = {each["name"]: opener.open(each) for each in grant["secrets"]}
    missing = [name for name in names if name not in values]
    if missing:
        raise SecretProblem(f"pipeline_config gave no secret {missing[0]}")
    return Secrets(values, _credential(grant, opener, source["clone_url"]))


def take_credential(
    chain: Chain, work: ResolveWork, key: X25519PrivateKey | None
) -> Credential | None:
    """What the repository is cloned with of a run whose ref is to be read. Raises the same."""
    if key is None or chain.get_credential(work["repository"]) is None:
        return None
    grant = _granted(chain, work["run"], 0)
    return _credential(grant, _Opener(chain, key), work["clone_url"])


def _granted(chain: Chain, job: str, attempt: int) -> SecretGrant:
    try:
        return chain.take_secrets(job, attempt)
    except RefusedError as error:
        if error.kind in _LASTING:
            raise SecretProblem(error.sentence) from None
        raise


def _credential(grant: SecretGrant, opener: _Opener, clone_url: str) -> Credential | None:
    given = grant["credential"]
    if given is None:
        return None
    return Credential(
        clone_url,
        given["secret"]["name"],
        given["username"],
        opener.open(given["secret"]).decode(),
        given["address"] or "",
        tuple(given["host_keys"] or ()),
    )


class _Opener:
    """Opens what is sealed to one executor on one installation."""

    def __init__(self, chain: Chain, key: X25519PrivateKey) -> None:
        self._key, self._installation, self._executor = key, chain.installation, chain.executor

    def open(self, given: HandedSecret) -> bytes:
        """The value. Raises SecretProblem."""
        copy, name, repository = given["copy"], given["name"], given["repository"]
        of_repository = "" if repository is None else f" --repository {repository}"
        if copy is None:
            raise SecretProblem(
                f"the secret {name} is not sealed to this executor: "
                f"dcanary secret reseal {name}{of_repository}"
            )
        if copy["key"] != public_bytes(self._key):
            raise SecretProblem(
                f"the secret {name} is sealed to another key of this executor: "
                f"dcanary secret reseal {name}{of_repository}"
            )
        place = Place(self._installation, repository or "", name, given["version"], self._executor)
        return unseal(copy["sealed"], self._key, place)
