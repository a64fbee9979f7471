"""What `wire`, `siblings`, `grant_role`, `revoke_role` and `list_grants` do in every canister.

Each function gets the canister's own maps: `grants` (principal text -> role names) and `wiring`
(key 0 -> Wiring). Callers are given as text.
"""

from kybra import Principal

from shared.base.records import Lookup, TextMap, Wiring
from shared.rules.limits import MAX_GRANTS
from shared.rules.paging import next_cursor, page_bounds
from shared.rules.roles import grant, refusal, revoke
from shared.types.access import Grant, GrantPageResult, Role, Siblings
from shared.types.errors import Done, Error, conflict, denied, exhausted, invalid, unavailable
from shared.types.paging import PageRequest

OWNER_ONLY_ROLES = ("Owner", "Admin")
WIRING_KEY = 0

ROLE_VARIANTS: "dict[str, Role]" = {
    "Owner": {"Owner": None},
    "Admin": {"Admin": None},
    "Operator": {"Operator": None},
    "Executor": {"Executor": None},
    "Approver": {"Approver": None},
    "Viewer": {"Viewer": None},
}


def seed_owner(grants: TextMap, caller: str) -> None:
    """For `init`: the deployer is the first owner."""
    grant(grants, caller, "Owner")


def refuse_unless(grants: TextMap, caller: str, role: str) -> "Error | None":
    """The Denied error for a caller without `role`, or None when it may go on."""
    why = refusal(grants, caller, role)
    return None if why is None else denied(why)


def refuse_unless_sibling(wiring: "Lookup[int, Wiring]", caller: str, name: str) -> "Error | None":
    """The error for a caller that is not the wired sibling `name`; None when it is."""
    wired = siblings_of(wiring)
    if wired is None:
        return unavailable("this canister is not wired yet: an owner must call wire first")
    if sibling(wired, name).to_str() != caller:
        return denied(f"only the sibling canister {name} may call this, not {caller}")
    return None


def siblings_of(wiring: "Lookup[int, Wiring]") -> "Siblings | None":
    stored = wiring.get(WIRING_KEY)
    return None if stored is None else stored["siblings"]


def sibling(siblings: Siblings, name: str) -> Principal:
    """The principal of a sibling by its canister name; KeyError for a name that is not one."""
    named = {
        "webhook": siblings["webhook"],
        "pipeline_config": siblings["pipeline_config"],
        "build_executor": siblings["build_executor"],
        "verification": siblings["verification"],
        "deployment": siblings["deployment"],
    }
    return named[name]


def wire(wiring: "Lookup[int, Wiring]", grants: TextMap, caller: str, siblings: Siblings) -> Done:
    """Set the five principals once. The same value again is Ok, another one is Conflict."""
    error = refuse_unless(grants, caller, "Owner")
    if error is not None:
        return {"Err": error}
    wired = siblings_of(wiring)
    if wired is None:
        wiring.insert(WIRING_KEY, {"version": 1, "siblings": siblings})
        return {"Ok": None}
    if wired == siblings:
        return {"Ok": None}
    return {"Err": conflict("already wired to other siblings: install a new set of canisters")}


def _refuse_role_change(grants: TextMap, caller: str, role: str) -> "Error | None":
    needed = "Owner" if role in OWNER_ONLY_ROLES else "Admin"
    return refuse_unless(grants, caller, needed)


def grant_role(grants: TextMap, caller: str, principal: str, role: str) -> Done:
    """Owners may grant every role, admins every one but Owner and Admin."""
    error = _refuse_role_change(grants, caller, role)
    if error is not None:
        return {"Err": error}
    if grants.len() >= MAX_GRANTS and not grants.contains_key(principal):
        return {"Err": exhausted(f"{MAX_GRANTS} principals have roles (MAX_GRANTS): revoke some")}
    why = grant(grants, principal, role)
    return {"Ok": None} if why is None else {"Err": invalid(why)}


def revoke_role(grants: TextMap, caller: str, principal: str, role: str) -> Done:
    """The same callers as `grant_role`; an owner cannot give up its own role."""
    error = _refuse_role_change(grants, caller, role)
    if error is not None:
        return {"Err": error}
    why = revoke(grants, principal, role, caller)
    return {"Ok": None} if why is None else {"Err": invalid(why)}


def list_grants(grants: TextMap, page: PageRequest) -> GrantPageResult:
    """Who holds which roles directly, by principal text."""
    principals = sorted(grants.keys(), reverse=True)
    bounds = page_bounds(len(principals), page["cursor"], page["limit"])
    if isinstance(bounds, str):
        return {"Err": invalid(bounds)}
    first, last = bounds
    items: list[Grant] = []
    for number in range(first, last - 1, -1):
        principal = principals[number]
        roles = [ROLE_VARIANTS[name] for name in (grants.get(principal) or "").split()]
        items.append({"principal": Principal.from_str(principal), "roles": roles})
    return {"Ok": {"items": items, "next": next_cursor(last)}}
