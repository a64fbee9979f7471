"""Reading what is known of secrets. Nobody reads a value here: there is none."""

from canisters.pipeline_config.secrets import tables
from canisters.pipeline_config.secrets.rules import check_name
from canisters.pipeline_config.secrets.service import no_secret
from shared.base.pages import collect
from shared.rules.refused import not_found
from shared.types.paging import PageRequest
from shared.types.secret import SealedCopy, Secret, SecretPage, SecretUsePage


def get(repository: "str | None", name: str) -> Secret:
    """One secret, of the repository itself or of all."""
    check_name(repository, name)
    found = tables.get(repository, name)
    if found is None:
        raise no_secret(repository, name)
    return found


def next_version(repository: "str | None", name: str) -> int:
    """The version that the next value will have: it is sealed for that one."""
    check_name(repository, name)
    return tables.next_version(repository, name)


def page(repository: "str | None", request: PageRequest) -> SecretPage:
    """Secrets by name: those that a repository's stages may list, or all."""
    known = [
        each
        for each in tables.all_secrets()
        if repository is None or each["repository"] in (None, repository)
    ]
    known.reverse()
    items, after = collect(len(known), request, lambda number: known[number])
    return {"items": items, "next": after}


def own_copy(repository: "str | None", name: str, caller: str) -> SealedCopy:
    """The copy that the caller sealed to itself, from which it can seal others."""
    copy = tables.copy_of(get(repository, name), caller)
    if copy is None:
        raise not_found(f"{name[:64]} is not sealed to you: set it again with its value")
    return copy


def uses(repository: "str | None", name: str, request: PageRequest) -> SecretUsePage:
    """Who was given a secret and when, newest first; also of one that was removed."""
    check_name(repository, name)
    total = tables.uses(repository, name)
    if total == 0 and tables.get(repository, name) is None:
        raise no_secret(repository, name)
    items, after = collect(total, request, lambda number: tables.use_at(repository, name, number))
    return {"items": items, "next": after}
