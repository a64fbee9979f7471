"""The methods that every canister has. They serve the canister that `main.py` describes.

`main.py` imports every name of this module that carries a decorator: the code that Kybra generates
finds decorated functions in all modules, but looks them up among the names of `main`
(`from main import *`), so that they must be there and have no leading underscore.
"""

from kybra import (
    Opt,
    Principal,
    Tuple,
    Vec,
    ic,
    init,
    inspect_message,
    nat64,
    query,
    text,
    update,
    void,
)

from shared.base import access
from shared.base.canister import ANYONE, served
from shared.base.metering import listed, summed
from shared.base.results import admit, answer, answer_query
from shared.rules.limits import MAX_STRANGER_ARGUMENT_BYTES, VERSION
from shared.rules.refused import Refused
from shared.rules.roles import ANONYMOUS
from shared.types.access import GrantPageResult, Health, Siblings
from shared.types.errors import Done
from shared.types.paging import PageRequest


@init
def initialise() -> void:
    access.seed_owner(served().grants, ic.caller().to_str())


@inspect_message
def inspect() -> void:
    """Drop messages from outside that would only cost cycles, before they cost any.

    One replica runs this, and calls from other canisters do not pass here: it is a filter against
    waste, not the authorisation. Callers without the method's role may send a small argument, so
    that they are told what they lack.
    """
    canister = served()
    method = ic.method_name()
    if canister.callers.get(method) == ANYONE:
        screen = canister.screens.get(method)
        if screen is not None and not screen():
            return
    else:
        caller = ic.caller().to_str()
        if caller == ANONYMOUS:
            return
        most = canister.largest_argument(method)
        if ic.arg_data_raw_size() > most:
            return
        if ic.arg_data_raw_size() > MAX_STRANGER_ARGUMENT_BYTES:
            try:
                admit(method)
            except Refused:
                return
    ic.accept_message()


@update
def wire(siblings: Siblings) -> Done:
    def work() -> None:
        canister = served()
        access.wire(canister.wiring, siblings)
        canister.wired()

    return answer("wire", work)


@query
def siblings() -> Opt[Siblings]:
    return access.siblings_of(served().wiring)


@update
def grant_role(principal: Principal, role: text) -> Done:
    caller = ic.caller().to_str()
    return answer(
        "grant_role", lambda: access.grant_role(served().grants, caller, principal.to_str(), role)
    )


@update
def revoke_role(principal: Principal, role: text) -> Done:
    caller = ic.caller().to_str()
    return answer(
        "revoke_role", lambda: access.revoke_role(served().grants, caller, principal.to_str(), role)
    )


@query
def list_grants(page: PageRequest) -> GrantPageResult:
    return answer_query(lambda: access.list_grants(served().grants, page))


@query
def instructions() -> Vec[Tuple[text, nat64]]:
    return listed(served().totals)


@query
def health() -> Health:
    canister = served()
    return {
        "name": canister.name,
        "version": VERSION,
        "wired": access.siblings_of(canister.wiring) is not None,
        "records": canister.records(),
        "open": canister.open_work(),
        "cycles": ic.canister_balance128(),
        "instructions": summed(canister.totals),
    }
