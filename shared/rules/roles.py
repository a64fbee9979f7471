"""Who may do what. Plain Python: a canister passes its map of grants.

Roles are kept as one text per principal: role names, sorted, separated by spaces. The anonymous
principal has no role and can be given none.
"""

from typing import Protocol

ROLES = ("Owner", "Admin", "Operator", "Executor", "Approver", "Reporter", "Viewer")

# A role also grants those it stands for; executor and approver are not implied by anything, so
# that an administrator cannot quietly vote.
IMPLIED = {
    "Owner": ("Admin", "Operator", "Reporter", "Viewer"),
    "Admin": ("Operator", "Reporter", "Viewer"),
    "Operator": ("Viewer",),
    "Executor": ("Viewer",),
    "Approver": ("Viewer",),
    "Reporter": ("Viewer",),
    "Viewer": (),
}

ANONYMOUS = "2vxsx-fae"


class GrantMap(Protocol):
    """The part of a StableBTreeMap[text, text] that access needs: principal text -> role names."""

    def get(self, key: str) -> "str | None": ...

    def insert(self, key: str, value: str) -> "str | None": ...

    def remove(self, key: str) -> "str | None": ...


def roles_of(grants: GrantMap, principal: str) -> "set[str]":
    """Roles held directly or by implication; empty for strangers and always for anonymous."""
    if principal == ANONYMOUS:
        return set()
    held = set((grants.get(principal) or "").split())
    for role in tuple(held):
        held.update(IMPLIED.get(role, ()))
    return held


def refusal(grants: GrantMap, principal: str, role: str) -> "str | None":
    """Why `principal` may not act as `role`, or None when it may."""
    if principal == ANONYMOUS:
        return f"the anonymous principal may not do this: sign the call with an identity ({role})"
    if role in roles_of(grants, principal):
        return None
    return f"{principal} does not have the role {role} here: ask an owner to grant it"


def grant(grants: GrantMap, principal: str, role: str) -> "str | None":
    """Add a role; returns why not, or None. Granting twice changes nothing."""
    if role not in ROLES:
        return f"{role} is not a role: use one of {', '.join(ROLES)}"
    if principal == ANONYMOUS:
        return "the anonymous principal can have no role"
    held = set((grants.get(principal) or "").split())
    held.add(role)
    grants.insert(principal, " ".join(sorted(held)))
    return None


def revoke(grants: GrantMap, principal: str, role: str, acting: str) -> "str | None":
    """Take a role away; an owner cannot take it from itself, so that one always remains."""
    if role == "Owner" and principal == acting:
        return "an owner cannot give up its own role: another owner must revoke it"
    held = set((grants.get(principal) or "").split())
    if role not in held:
        return f"{principal} does not have the role {role} here"
    held.discard(role)
    if held:
        grants.insert(principal, " ".join(sorted(held)))
    else:
        grants.remove(principal)
    return None
