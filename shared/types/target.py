"""Targets: canisters that releases change."""

from kybra import Opt, Principal, Record, Variant, Vec, blob, nat, nat64, text

from shared.types.errors import Error


class TargetInput(Record):
    """A canister that pipelines deploy to. Without `canister` the first release creates it.

    The deployment canister must be a controller of a given `canister`. `controllers` are added to
    a created one, `cycles` is what it is created with.
    """

    target: text
    repository: text
    network: text
    canister: Opt[Principal]
    controllers: Vec[Principal]
    cycles: nat


class TopUp(Record):
    """Cycles that deployment has sent to a target's canister: in all, the last time, by whom."""

    total: nat
    last: nat
    by: text
    at_ns: nat64


class Target(Record):
    """`module_hash` is the module that the canister ran when deployment last looked.

    `last_release` is the release that made it, `last_change` the last that changed the canister:
    after a rollback that is the rollback.
    """

    target: text
    repository: text
    network: text
    canister: Opt[Principal]
    controllers: Vec[Principal]
    cycles: nat
    module_hash: Opt[blob]
    last_release: Opt[text]
    busy: Opt[text]
    last_change: Opt[text]
    topped_up: Opt[TopUp]


class TargetResult(Variant, total=False):
    Ok: Target
    Err: Error


class TargetPage(Record):
    items: Vec[Target]
    next: Opt[text]


class TargetPageResult(Variant, total=False):
    Ok: TargetPage
    Err: Error


class TargetCanister(Record):
    target: text
    canister: Principal
