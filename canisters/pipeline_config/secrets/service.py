"""Setting secrets, and handing them to who holds the lease of a job. Callers of the former have
been authorised; those of `take` are whoever signs."""

from kybra import Async, CallResult, Principal

from canisters.pipeline_config import outbox
from canisters.pipeline_config.secrets import rules, tables
from canisters.pipeline_config.store import credentials, secrets, wiring
from shared.base.access import wired_siblings
from shared.base.results import refused_of
from shared.rules.limits import MAX_CREDENTIALS, MAX_SECRETS
from shared.rules.names import name_problem
from shared.rules.refused import Refused, conflict, exhausted, not_found, unavailable
from shared.siblings import BuildExecutorService
from shared.types.secret import (
    Credential,
    HandedSecret,
    LeaseGrant,
    LeaseGrantResult,
    Secret,
    SecretGrant,
    SecretInput,
)


def set_value(given: SecretInput, author: Principal, now_ns: int) -> Secret:
    """Keep the first or the next value of a secret."""
    rules.check_input(given, author.to_str())
    repository, name = given["repository"], given["name"]
    wanted = tables.next_version(repository, name)
    if given["version"] != wanted:
        raise conflict(
            f"version: {name} is sealed for version {given['version']}, the next one is {wanted}: "
            "it was set by somebody else meanwhile, so set it again"
        )
    if tables.get(repository, name) is None and secrets.len() >= MAX_SECRETS:
        raise exhausted(f"{MAX_SECRETS} secrets are kept (MAX_SECRETS): remove some")
    return _keep(given, author, now_ns, now_ns)


def reseal(given: SecretInput, author: Principal, now_ns: int) -> Secret:
    """Keep other copies of the value that a secret has."""
    rules.check_input(given, author.to_str())
    before = _existing(given["repository"], given["name"])
    if given["version"] != before["version"]:
        raise conflict(
            f"version: {given['name']} is at version {before['version']}, the copies are of "
            f"{given['version']}: seal it again"
        )
    return _keep(given, author, before["set_ns"], now_ns)


def _keep(given: SecretInput, author: Principal, set_ns: int, now_ns: int) -> Secret:
    kept = tables.keep(
        {
            "repository": given["repository"],
            "name": given["name"],
            "version": given["version"],
            "restricted": given["restricted"],
            "recipients": [],
            "author": author,
            "set_ns": set_ns,
            "sealed_ns": now_ns,
        },
        given,
    )
    # Executors that had no copy are not asked again for the stage by themselves.
    outbox.send_secrets_changed()
    return kept


def remove(repository: "str | None", name: str) -> None:
    """Forget a secret. Jobs that were given it keep what they were given."""
    tables.remove(_existing(repository, name))


def _existing(repository: "str | None", name: str) -> Secret:
    rules.check_name(repository, name)
    found = tables.get(repository, name)
    if found is None:
        raise no_secret(repository, name)
    return found


def no_secret(repository: "str | None", name: str) -> Refused:
    """The refusal for a secret that is not there."""
    place = "all repositories" if repository is None else f"repository {repository[:64]}"
    return not_found(f"there is no secret {name[:64]} of {place}: dcanary secret set {name[:64]}")


def set_credential(credential: Credential) -> None:
    """Have the repository cloned with a secret."""
    rules.check_credential(credential)
    repository = credential["repository"]
    if tables.find(repository, credential["secret"]) is None:
        raise no_secret(repository, credential["secret"])
    if not credentials.contains_key(repository) and credentials.len() >= MAX_CREDENTIALS:
        raise exhausted(f"{MAX_CREDENTIALS} repositories have credentials (MAX_CREDENTIALS)")
    credentials.insert(repository, {"version": 1, "credential": credential})
    outbox.send_secrets_changed()


def remove_credential(repository: str) -> None:
    """Have the repository cloned without one."""
    if credential_of(repository) is None:
        raise not_found(f"repository {repository[:64]} is cloned without a credential already")
    credentials.remove(repository)


def credential_of(repository: str) -> "Credential | None":
    """What the repository is cloned with; None also for what is no name of one."""
    if name_problem("repository", repository) is not None:
        return None
    stored = credentials.get(repository)
    return None if stored is None else stored["credential"]


def take(job: str, attempt: int, caller: Principal, now_ns: int) -> "Async[SecretGrant]":
    """The secrets of a job, sealed to the caller, who must hold its lease now."""
    siblings = wired_siblings(wiring)
    service = BuildExecutorService(siblings["build_executor"])
    answer: CallResult[LeaseGrantResult] = yield service.get_lease(job, attempt, caller)
    if answer.Err is not None:
        raise unavailable(f"build_executor did not answer: {answer.Err[:300]}")
    if "Err" in answer.Ok:
        raise refused_of(answer.Ok["Err"])
    return _grant(answer.Ok["Ok"], job, attempt, caller, now_ns)


def _grant(
    lease: LeaseGrant, job: str, attempt: int, caller: Principal, now_ns: int
) -> SecretGrant:
    repository, names = lease["repository"], lease["secrets"]
    credential = credential_of(repository)
    if names or credential is not None:
        refusal = rules.refusal_of_source(lease["ref"])
        if refusal is not None:
            raise refusal
    wanted = list(names) if credential is None else [*names, credential["secret"]]
    found: list[Secret] = []
    for name in wanted:
        secret = tables.find(repository, name)
        if secret is None:
            raise no_secret(repository, name)
        found.append(secret)
    handed: list[HandedSecret] = []
    for secret in found:
        copy = tables.copy_of(secret, caller.to_str())
        if copy is not None:
            tables.note_use(
                secret,
                {
                    "version": secret["version"],
                    "run": lease["run"],
                    "stage": lease["stage"],
                    "job": job,
                    "attempt": attempt,
                    "executor": caller,
                    "operator": lease["operator"],
                    "at_ns": now_ns,
                },
            )
        handed.append(
            {
                "repository": secret["repository"],
                "name": secret["name"],
                "version": secret["version"],
                "copy": copy,
            }
        )
    if credential is None:
        return {"secrets": handed, "credential": None}
    return {
        "secrets": handed[:-1],
        "credential": {
            "kind": credential["kind"],
            "username": credential["username"],
            "secret": handed[-1],
            "address": credential["address"],
            "host_keys": credential["host_keys"],
        },
    }
