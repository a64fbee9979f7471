"""Words of the access family: roles, siblings, health."""

from kybra import Opt, Principal, Record, Variant, Vec, nat, nat64, null, text

from shared.types.errors import Error


class Role(Variant, total=False):
    """From most to least: an owner may do all, a viewer may read what is not public.

    A reporter posts reports to forges.
    """

    Owner: null
    Admin: null
    Operator: null
    Executor: null
    Approver: null
    Reporter: null
    Viewer: null


class Grant(Record):
    principal: Principal
    roles: Vec[Role]


class GrantPage(Record):
    items: Vec[Grant]
    next: Opt[text]


class GrantPageResult(Variant, total=False):
    Ok: GrantPage
    Err: Error


class Siblings(Record):
    """The five canisters of one installation. Set once, by an owner."""

    webhook: Principal
    pipeline_config: Principal
    build_executor: Principal
    verification: Principal
    deployment: Principal


class Health(Record):
    """What a monitor asks. `instructions` sums the instructions of all updates so far."""

    name: text
    version: text
    wired: bool
    records: nat64
    open: nat64
    cycles: nat
    instructions: nat64
