"""Roles, siblings and who may call, over a canister's maps.

`grants` holds principal text -> role names, `wiring` holds the five principals under WIRING_KEY.
Callers are given as text. Refusals are raised as `shared.rules.refused.Refused`.
"""

from kybra import Principal

from shared.base.records import Lookup, TextMap, Wiring
from shared.rules.limits import MAX_GRANTS
from shared.rules.paging import next_cursor, page_bounds
from shared.rules.refused import conflict, denied, exhausted, invalid, unavailable
from shared.rules.roles import grant, refusal, revoke
from shared.types.access import Grant, GrantPage, Role, Siblings
from shared.types.paging import PageRequest

OWNER_ONLY_ROLES = ("Owner", "Admin")
WIRING_KEY = 0

ROLE_VARIANTS: "dict[str, Role]" = {
    "Owner": {"Owner": None},
    "Admin": {"Admin": None},
    "Operator": {"Operator": None},
    "Executor": {"Executor": None},
    "Approver": {"Approver": None},
    "Reporter": {"Reporter": None},
    "Viewer": {"Viewer": None},
}


def seed_owner(grants: TextMap, caller: str) -> None:
    """For `init`: the deployer is the first owner."""
    grant(grants, caller, "Owner")


def require_role(grants: TextMap, caller: str, role: str) -> None:
    """Raise Denied for a caller without `role`."""
    why = refusal(grants, caller, role)
    if why is not None:
        raise denied(why)


def require_sibling(wiring: "Lookup[int, Wiring]", caller: str, name: str) -> None:
    """Raise Denied for a caller that is not the sibling `name`; Unavailable before `wire`."""
    if sibling(wired_siblings(wiring), name).to_str() != caller:
        raise denied(f"only the sibling canister {name} may call this, not {caller}")


def siblings_of(wiring: "Lookup[int, Wiring]") -> "Siblings | None":
    """The five principals, None before `wire`."""
    stored = wiring.get(WIRING_KEY)
    return None if stored is None else stored["siblings"]


def wired_siblings(wiring: "Lookup[int, Wiring]") -> Siblings:
    """The five principals; raises Unavailable before `wire`."""
    wired = siblings_of(wiring)
    if wired is None:
        raise unavailable("this canister is not wired yet: an owner must call wire first")
    return wired


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


def wire(wiring: "Lookup[int, Wiring]", siblings: Siblings) -> None:
    """Set the five principals once: the same value again changes nothing, another is Conflict."""
    wired = siblings_of(wiring)
    if wired is None:
        wiring.insert(WIRING_KEY, {"version": 1, "siblings": siblings})
    elif wired != siblings:
        raise conflict("already wired to other siblings: install a new set of canisters")


def _require_role_change(grants: TextMap, caller: str, role: str) -> None:
    require_role(grants, caller, "Owner" if role in OWNER_ONLY_ROLES else "Admin")


def grant_role(grants: TextMap, caller: str, principal: str, role: str) -> None:
    """Owners may grant every role, admins every one but Owner and Admin."""
    _require_role_change(grants, caller, role)
    if grants.len() >= MAX_GRANTS and not grants.contains_key(principal):
        raise exhausted(f"{MAX_GRANTS} principals have roles (MAX_GRANTS): revoke some")
    why = grant(grants, principal, role)
    if why is not None:
        raise invalid(why)


def revoke_role(grants: TextMap, caller: str, principal: str, role: str) -> None:
    """The same callers as `grant_role`; an owner cannot give up its own role."""
    _require_role_change(grants, caller, role)
    why = revoke(grants, principal, role, caller)
    if why is not None:
        raise invalid(why)


def list_grants(grants: TextMap, page: PageRequest) -> GrantPage:
    """Who holds which roles directly, by principal text."""
    principals = sorted(grants.keys(), reverse=True)
    bounds = page_bounds(len(principals), page["cursor"], page["limit"])
    if isinstance(bounds, str):
        raise invalid(bounds)
    first, last = bounds
    items: list[Grant] = []
    for number in range(first, last - 1, -1):
        principal = principals[number]
        roles = [ROLE_VARIANTS[name] for name in (grants.get(principal) or "").split()]
        items.append({"principal": Principal.from_str(principal), "roles": roles})
    return {"items": items, "next": next_cursor(last)}
