"""Words of the secret family: values that only executors can read, and who was given them."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat16, nat32, nat64, null, text

from shared.types.errors import Error


class SealedCopy(Record):
    """A value as only one recipient can read it. `key` is the X25519 public key it is sealed to.

    `sealed` is HPKE (RFC 9180, base mode) of the padded value; its `info` names the installation,
    the repository, the secret, its version and the recipient, so that it opens nowhere else.
    """

    recipient: Principal
    key: blob
    sealed: blob


class SecretInput(Record):
    """A secret as its author sends it. `repository` is absent for one of all repositories.

    `version` is the one that the copies are sealed for. `restricted`: the author chose executors
    one by one, so that others are not added when it is sealed again.
    """

    repository: Opt[text]
    name: text
    version: nat32
    restricted: bool
    copies: Vec[SealedCopy]


class SecretRecipient(Record):
    """Who can read a secret, and by which key."""

    recipient: Principal
    key: blob


class Secret(Record):
    """What is known of a secret; never its value. `sealed_ns` is when it was sealed last."""

    repository: Opt[text]
    name: text
    version: nat32
    restricted: bool
    recipients: Vec[SecretRecipient]
    author: Principal
    set_ns: nat64
    sealed_ns: nat64


class SecretResult(Variant, total=False):
    Ok: Secret
    Err: Error


class SecretPage(Record):
    """`next` is the cursor of the following page, absent on the last."""

    items: Vec[Secret]
    next: Opt[text]


class SecretPageResult(Variant, total=False):
    Ok: SecretPage
    Err: Error


class SecretVersionResult(Variant, total=False):
    Ok: nat32
    Err: Error


class SealedCopyResult(Variant, total=False):
    Ok: SealedCopy
    Err: Error


class SecretUse(Record):
    """One handing out of a secret: to the executor that held the lease of a job's attempt."""

    version: nat32
    run: text
    stage: text
    job: text
    attempt: nat16
    executor: Principal
    operator: text
    at_ns: nat64


class SecretUsePage(Record):
    items: Vec[SecretUse]
    next: Opt[text]


class SecretUsePageResult(Variant, total=False):
    Ok: SecretUsePage
    Err: Error


class CredentialKind(Variant, total=False):
    """`Token`: a password or token for HTTPS. `DeployKey`: a private key for SSH."""

    Token: null
    DeployKey: null


class Credential(Record):
    """Which secret of a repository its clones are made with.

    `username` goes with a token. A deploy key has the repository's `address` for SSH,
    `ssh://USER@HOST[:PORT]/PATH` with `username` as its user, and the `host_keys` that the server
    may show, each `TYPE BASE64` as in OpenSSH's known_hosts; a token has neither.
    """

    repository: text
    secret: text
    kind: CredentialKind
    username: text
    address: Opt[text]
    host_keys: Opt[Vec[text]]


class CredentialResult(Variant, total=False):
    """`Ok` is null for a repository that is cloned without one."""

    Ok: Opt[Credential]
    Err: Error


class HandedSecret(Record):
    """A secret for a leased job. `repository` is that of the secret: absent for one of all.

    `copy` is absent when it is not sealed to the executor that asks.
    """

    repository: Opt[text]
    name: text
    version: nat32
    copy: Opt[SealedCopy]


class HandedCredential(Record):
    kind: CredentialKind
    username: text
    secret: HandedSecret
    address: Opt[text]
    host_keys: Opt[Vec[text]]


class SecretGrant(Record):
    """What an executor gets for a job: the stage's secrets, and what it clones with."""

    secrets: Vec[HandedSecret]
    credential: Opt[HandedCredential]


class SecretGrantResult(Variant, total=False):
    Ok: SecretGrant
    Err: Error


class LeaseGrant(Record):
    """`build_executor` -> `pipeline_config`: what the holder of a job's lease may be given."""

    run: text
    stage: text
    repository: text
    ref: text
    operator: text
    secrets: Vec[text]


class LeaseGrantResult(Variant, total=False):
    Ok: LeaseGrant
    Err: Error
