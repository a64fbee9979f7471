"""What the host side does not do yet: one entry for each refusal, with the sentence that it gives.

`docs/reference/not-yet.md` is generated from the entries. A feature that arrives deletes its
entry; mypy then names the refusals that go with it. The canisters have a table of their own,
`shared/rules/not_yet.py`, and so has the package `kybra` inside canisters, `_not_yet.py` there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NotYet:
    """`what` is missing, `where` users meet it, and the `answer` that they get there, with what to
    do instead. `{}` in the answer stands for what they asked for."""

    what: str
    where: str
    answer: str

    def sentence(self, asked: str = "") -> str:
        """The answer to who asked for `asked`."""
        return self.answer.replace("{}", asked)


PLANNED_KEYS = (
    "cycles",
    "health_check",
    "notifications",
    "rollout",
    "services",
    "template",
)
"""Keys of `dcanary.yml` that people know from other systems and that DCanary means to have."""

MANAGEMENT_METHODS = frozenset(
    (
        "bitcoin_get_balance",
        "bitcoin_get_block_headers",
        "bitcoin_get_current_fee_percentiles",
        "bitcoin_get_utxos",
        "bitcoin_send_transaction",
        "canister_metrics",
        "ecdsa_public_key",
        "list_canisters",
        "node_metrics_history",
        "rename_canister",
        "schnorr_public_key",
        "sign_with_ecdsa",
        "sign_with_schnorr",
        "vetkd_derive_key",
        "vetkd_public_key",
    )
)
"""Methods of the management canister that the embedded replica lacks."""


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# Pipelines and executors.

KEYS = NotYet(
    f"the keys {_listed(PLANNED_KEYS)}",
    "`dcanary.yml`",
    "is not supported yet: remove it",
)

# What `dcanary init` finds in a project.

PACKAGES = NotYet(
    "packages of PyPI in Python canisters",
    "`dcanary init`",
    "{} not in the folder, and packages in canisters are not supported yet: put it into the "
    "repository",
)
LIBRARY_PACKAGES = NotYet(
    "checks of Motoko packages that need others by mops.lock",
    "`dcanary init`",
    "it needs {}; packages are not supported yet where only modules are checked",
)
RUST_WASI = NotYet(
    "canisters of Rust for WASI (`wasm32-wasip1`, `wasm32-wasi`)",
    "`dcanary init`",
    "the target {} is not supported yet: no tool here turns its imports into those of the Internet "
    "Computer; build for wasm32-unknown-unknown",
)
CANISTER_IMPORTS = NotYet(
    "imports in Motoko of canisters whose interface the project does not have",
    "`dcanary init`",
    "imports of {} are not supported yet where the project has no .did of it: declare the actor's "
    "type and take its id in an argument",
)
LIBRARY_TESTS = NotYet(
    "tests of Motoko packages with `mops test`",
    "`dcanary init`",
    "its modules are checked; running its tests with mops is not supported yet",
)

# What `dcanary fetch` reads.

YARN_BERRY = NotYet(
    "lock files of Yarn 2 and later",
    "`dcanary fetch`",
    "locks of Yarn 2 and later are not supported yet: lock with npm, pnpm or Yarn 1",
)
GIT_DEPENDENCIES = NotYet(
    "dependencies that are Git commits",
    "`dcanary fetch`",
    "fetching Git commits is not supported yet: use a published version of {}, or put its files "
    "into the repository",
)
OTHER_REGISTRIES = NotYet(
    "crates of other registries than crates.io",
    "`dcanary fetch`",
    "other registries than crates.io are not supported yet: vendor {} into the repository",
)

# Candid.

CANDID_IMPORTS = NotYet(
    "`import` in a `.did`",
    "reading an interface",
    "import is not supported yet: put the imported types into the file",
)

# The embedded replica.

MANAGEMENT = NotYet(
    "methods of the management canister, [listed below](#methods-of-the-management-canister)",
    "the call is rejected (IC0407)",
    "Management canister method '{}' is not supported yet by this replica",
)
WINDOWS = NotYet(
    "Windows",
    "start of the network",
    "the replica is not supported yet on Windows; use WSL",
)
SUBNET_CALLS = NotYet(
    "calls and queries to a subnet (`/api/v4/subnet/ID/call`, `/api/v3/subnet/ID/query`)",
    "HTTP 501",
    "not supported yet: {}",
)
OUTCALL_METHODS = NotYet(
    "HTTP outcalls other than GET, POST, HEAD",
    "the call is rejected",
    "not supported yet: HTTP method {}",
)
SENDER_INFO = NotYet(
    "`sender_info` in a request",
    "HTTP 400, in PocketIC instances 501",
    "not supported yet: sender_info in a request",
)
CANISTER_SIGNATURES = NotYet(
    "canister signatures",
    "HTTP 400",
    "not supported yet: canister signatures",
)
WEBAUTHN_KEYS = NotYet(
    "WebAuthn keys",
    "HTTP 400",
    "not supported yet: WebAuthn (COSE) public keys",
)
POCKETIC_SUBNETS = NotYet(
    "several subnets in a PocketIC instance",
    "HTTP 501",
    "not supported yet: more than one subnet in an instance (asked for {})",
)
POCKETIC_SUBNET_SETTINGS = NotYet(
    "settings of a PocketIC subnet other than the usual ones",
    "HTTP 501",
    "not supported yet: {}",
)
POCKETIC_FEATURES = NotYet(
    "`icp_features` of a PocketIC instance",
    "HTTP 501",
    "not supported yet: icp_features",
)
POCKETIC_COINS = NotYet(
    "Bitcoin and Dogecoin in PocketIC instances",
    "HTTP 501",
    "not supported yet: {}",
)
POCKETIC_OPERATIONS = NotYet(
    "other operations of PocketIC instances and gateways",
    "HTTP 501",
    "not supported yet: {}",
)
POCKETIC_PATHS = NotYet(
    "other paths of the PocketIC API",
    "HTTP 404",
    "not supported yet: {}",
)
