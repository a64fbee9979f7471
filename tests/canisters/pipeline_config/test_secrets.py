"""Secrets on chain: who sets them, who is given them, and what is written down about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dcanary.cli.operations import sealing
from dcanary.client.chain import SystemChain
from dcanary.client.errors import RefusedError
from dcanary.client.types.pipeline_config import SealedCopy, SecretInput
from dcanary.executor.secrets import take_secrets
from dcanary.secrets.errors import SecretProblem
from dcanary.testing.native import user_principal
from shared.rules.limits import (
    LEASE_NS,
    MAX_SEALED_BYTES,
    MAX_SECRET_COPIES,
    MAX_SECRETS,
    SECOND_NS,
)
from tests.executor.repositories import stage_record
from tests.executor.secret_chain import SecretChain

VALUE = b"npm_0123456789"
FIRST_PAGE: Any = {"cursor": None, "limit": 0}
SOURCE = {
    "repository": "demo",
    "clone_url": "https://example.org/demo.git",
    "ref": "refs/heads/main",
    "sha": "0123456789abcdef0123456789abcdef01234567",
    "message": "",
    "author": "",
}
ADMIN = user_principal(50)
STRANGER = user_principal(51)


@pytest.fixture
def chain(tmp_path: Path) -> SecretChain:
    made = SecretChain(tmp_path / "home")
    for name in ("alice", "bob"):
        made.announce(name)
    return made


def queue(chain: SecretChain, run: str = "run-1", **source: str) -> None:
    stage = stage_record(["true"], replicas=2, quorum=2)
    stage["secrets"] = ["NPM_TOKEN"]
    chain.add_stage(run, stage, {**SOURCE, **source})


def leased(chain: SecretChain, name: str) -> tuple[SystemChain, Any]:
    view = chain.view(name)
    work = view.lease_work({"holds": [], "room": None})
    assert work is not None and "Build" in work
    return view, work["Build"]


def refusal(kind: str, call: Any, *arguments: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        call(*arguments)
    assert caught.value.kind == kind, caught.value
    return caught.value.sentence


# -- handing out -----------------------------------------------------------------------------------


def test_the_holder_of_a_lease_gets_its_copy_and_can_open_it(chain: SecretChain) -> None:
    chain.seal("NPM_TOKEN", VALUE)
    queue(chain)
    for name in ("alice", "bob"):
        view, work = leased(chain, name)
        assert take_secrets(view, work, chain.keys[name]).values == {"NPM_TOKEN": VALUE}


def test_a_repositorys_own_secret_goes_before_one_of_all(chain: SecretChain) -> None:
    chain.seal("NPM_TOKEN", b"that of all")
    chain.seal("NPM_TOKEN", VALUE, "demo")
    chain.seal("NPM_TOKEN", b"of another", "other")
    queue(chain)
    view, work = leased(chain, "alice")
    assert take_secrets(view, work, chain.keys["alice"]).values == {"NPM_TOKEN": VALUE}


def test_nobody_else_is_given_the_secrets_of_a_job(chain: SecretChain) -> None:
    chain.seal("NPM_TOKEN", VALUE)
    queue(chain)
    _, work = leased(chain, "alice")
    said = refusal("Denied", chain.view("bob").take_secrets, work["job"], 1)
    assert "does not hold the lease of run-1/build/0" in said
    stranger = SystemChain(chain.system(STRANGER))
    refusal("Denied", stranger.take_secrets, work["job"], 1)
    # The owner, who may set secrets, is no executor.
    refusal("Denied", SystemChain(chain.owner).take_secrets, work["job"], 1)
    assert chain.owner.pipeline_config.list_secret_uses(None, "NPM_TOKEN", FIRST_PAGE) == {
        "items": [],
        "next": None,
    }


def test_a_lease_that_is_over_gives_nothing(chain: SecretChain) -> None:
    chain.seal("NPM_TOKEN", VALUE)
    queue(chain)
    view, work = leased(chain, "alice")
    assert "is over" in refusal("Conflict", view.take_secrets, work["job"], 2)
    refusal("NotFound", view.take_secrets, "run-9/build/0", 1)
    chain.advance(LEASE_NS / SECOND_NS + 1)
    with pytest.raises(RefusedError):
        view.take_secrets(work["job"], 1)


def test_a_committed_job_gives_nothing(chain: SecretChain) -> None:
    chain.seal("NPM_TOKEN", VALUE)
    queue(chain)
    view, work = leased(chain, "alice")
    view.submit_commitment(
        {
            "job": work["job"],
            "attempt": 1,
            "commitment": bytes(32),
            "wall_ns": 1,
            "peak_memory_bytes": 1,
            "reused": None,
            "cpu_ns": None,
            "storage_bytes": None,
            "fetched_bytes": None,
            "log_sha256": None,
            "log_total": None,
        }
    )
    refusal("Conflict", view.take_secrets, work["job"], 1)


def test_a_disabled_executor_gets_nothing(chain: SecretChain) -> None:
    chain.seal("NPM_TOKEN", VALUE)
    queue(chain)
    view, work = leased(chain, "alice")
    chain.disable("alice")
    with pytest.raises(RefusedError):
        view.take_secrets(work["job"], 1)


@pytest.mark.parametrize("ref", ["refs/pull/7/head", "refs/pull/7/merge", "refs/changes/1", "main"])
def test_a_run_of_anything_but_a_branch_or_tag_gets_no_secrets(
    ref: str, chain: SecretChain
) -> None:
    chain.seal("NPM_TOKEN", VALUE)
    queue(chain, ref=ref)
    view, work = leased(chain, "alice")
    assert "gets no secrets" in refusal("Denied", view.take_secrets, work["job"], 1)
    with pytest.raises(SecretProblem, match="gets no secrets"):
        take_secrets(view, work, chain.keys["alice"])


def test_a_tag_gets_them(chain: SecretChain) -> None:
    chain.seal("NPM_TOKEN", VALUE)
    queue(chain, ref="refs/tags/v1")
    view, work = leased(chain, "alice")
    assert take_secrets(view, work, chain.keys["alice"]).values == {"NPM_TOKEN": VALUE}


def test_a_missing_secret_is_named(chain: SecretChain) -> None:
    queue(chain)
    view, work = leased(chain, "alice")
    said = refusal("NotFound", view.take_secrets, work["job"], 1)
    assert said == ("there is no secret NPM_TOKEN of repository demo: dcanary secret set NPM_TOKEN")


def test_after_removal_nothing_is_given_and_the_uses_stay(chain: SecretChain) -> None:
    chain.seal("NPM_TOKEN", VALUE)
    queue(chain)
    view, work = leased(chain, "alice")
    view.take_secrets(work["job"], 1)
    chain.owner.pipeline_config.remove_secret(None, "NPM_TOKEN")
    refusal("NotFound", view.take_secrets, work["job"], 1)
    uses = chain.owner.pipeline_config.list_secret_uses(None, "NPM_TOKEN", FIRST_PAGE)["items"]
    assert [use["job"] for use in uses] == [work["job"]]
    # A value that is set later has a version of its own, so that uses name one value each.
    assert chain.seal("NPM_TOKEN", VALUE)["version"] == 2


def test_each_use_is_written_down_once(chain: SecretChain) -> None:
    chain.seal("NPM_TOKEN", VALUE)
    queue(chain)
    for name in ("alice", "bob"):
        view, work = leased(chain, name)
        for _ in range(3):
            view.take_secrets(work["job"], work["attempt"])
    chain.seal("NPM_TOKEN", b"another value")
    view.take_secrets(work["job"], work["attempt"])
    uses = chain.owner.pipeline_config.list_secret_uses(None, "NPM_TOKEN", FIRST_PAGE)["items"]
    assert [(use["operator"], use["version"], use["job"]) for use in uses] == [
        ("bob", 2, "run-1/build/1"),
        ("bob", 1, "run-1/build/1"),
        ("alice", 1, "run-1/build/0"),
    ]
    assert uses[0]["executor"] == chain.register("bob").to_str()
    assert (uses[0]["run"], uses[0]["stage"], uses[0]["attempt"]) == ("run-1", "build", 1)


def test_one_without_a_copy_is_told_what_to_do_and_asked_again_afterwards(
    chain: SecretChain,
) -> None:
    chain.seal("NPM_TOKEN", VALUE, only=("alice",))
    queue(chain)
    view, work = leased(chain, "bob")
    with pytest.raises(SecretProblem) as caught:
        take_secrets(view, work, chain.keys["bob"])
    assert str(caught.value) == (
        "the secret NPM_TOKEN is not sealed to this executor: dcanary secret reseal NPM_TOKEN"
    )
    view.release_work(
        {"job": work["job"], "attempt": 1, "cause": {"Unable": None}, "reason": str(caught.value)}
    )
    assert not view.has_work({"holds": [], "room": None})
    waiting = chain.owner.build_executor.get_run("run-1")["waiting_for"]
    assert waiting
    chain.reseal("NPM_TOKEN")
    view, work = leased(chain, "bob")
    assert take_secrets(view, work, chain.keys["bob"]).values == {"NPM_TOKEN": VALUE}


def test_a_replaced_key_needs_another_seal(chain: SecretChain) -> None:
    chain.seal("NPM_TOKEN", VALUE)
    chain.announce("alice")
    queue(chain)
    view, work = leased(chain, "alice")
    with pytest.raises(SecretProblem, match="sealed to another key of this executor"):
        take_secrets(view, work, chain.keys["alice"])
    chain.reseal("NPM_TOKEN")
    assert take_secrets(view, work, chain.keys["alice"]).values == {"NPM_TOKEN": VALUE}


def test_a_copy_moved_to_another_name_by_who_may_set_secrets_does_not_open(
    chain: SecretChain,
) -> None:
    chain.seal("DEPLOY_TOKEN", VALUE)
    view = chain.view("alice")
    stage = stage_record(["true"])
    stage["secrets"] = ["DEPLOY_TOKEN"]
    chain.add_stage("run-1", stage, SOURCE)
    _, work = leased(chain, "alice")
    (given,) = view.take_secrets(work["job"], 1)["secrets"]
    copy = given["copy"]
    assert copy is not None
    chain.owner.pipeline_config.set_secret(secret("NPM_TOKEN", [copy]))
    view.release_work(
        {"job": work["job"], "attempt": 1, "cause": {"Stopping": None}, "reason": "test"}
    )
    chain.owner.build_executor.cancel_run("run-1")
    queue(chain, "run-2")
    view, work = leased(chain, "alice")
    with pytest.raises(SecretProblem, match="NPM_TOKEN does not open"):
        take_secrets(view, work, chain.keys["alice"])


# -- setting ---------------------------------------------------------------------------------------


def copy_for(recipient: str, size: int = 300, key: bytes = bytes(32)) -> SealedCopy:
    return {"recipient": recipient, "key": key, "sealed": bytes(size)}


def secret(name: str, copies: list[SealedCopy] | None = None, **more: Any) -> SecretInput:
    given: Any = {
        "repository": None,
        "name": name,
        "version": 1,
        "restricted": False,
        "copies": [copy_for(user_principal(60).to_str())] if copies is None else copies,
        **more,
    }
    return given


def test_only_admins_set_and_remove_secrets(chain: SecretChain) -> None:
    chain.owner.pipeline_config.grant_role(ADMIN.to_str(), "Admin")
    chain.system(ADMIN).pipeline_config.set_secret(secret("BY_ADMIN"))
    for who in (STRANGER, chain.register("alice")):
        pipelines = chain.system(who).pipeline_config
        refusal("Denied", pipelines.set_secret, secret("OTHER"))
        refusal("Denied", pipelines.reseal_secret, secret("BY_ADMIN"))
        refusal("Denied", pipelines.remove_secret, None, "BY_ADMIN")
        credential: Any = {
            "repository": "demo",
            "secret": "BY_ADMIN",
            "kind": {"Token": None},
            "username": "x",
            "address": None,
            "host_keys": None,
        }
        refusal("Denied", pipelines.set_credential, credential)
        refusal("Denied", pipelines.remove_credential, "demo")


def test_an_executor_reads_its_copy_with_a_lease_only(chain: SecretChain) -> None:
    chain.seal("NPM_TOKEN", VALUE)
    pipelines = chain.system(chain.register("alice")).pipeline_config
    refusal("Denied", pipelines.get_own_copy, None, "NPM_TOKEN")
    # Who set it has a copy of its own, and no other.
    own = chain.owner.pipeline_config.get_own_copy(None, "NPM_TOKEN")
    assert own["recipient"] == chain.owner.connection.sender
    chain.owner.pipeline_config.grant_role(ADMIN.to_str(), "Admin")
    other = chain.system(ADMIN).pipeline_config
    assert "not sealed to you" in refusal("NotFound", other.get_own_copy, None, "NPM_TOKEN")


def test_no_method_that_anyone_may_call_tells_a_copy(chain: SecretChain) -> None:
    chain.seal("NPM_TOKEN", VALUE)
    stranger = chain.system(STRANGER).pipeline_config
    listed = stranger.list_secrets(None, FIRST_PAGE)["items"]
    assert [each["name"] for each in listed] == ["NPM_TOKEN"]
    assert "sealed" not in str(listed[0]["recipients"])
    assert set(listed[0]["recipients"][0]) == {"recipient", "key"}


def test_versions_are_sealed_for_one_after_the_other(chain: SecretChain) -> None:
    assert chain.seal("NPM_TOKEN", VALUE)["version"] == 1
    assert chain.seal("NPM_TOKEN", VALUE)["version"] == 2
    pipelines = chain.owner.pipeline_config
    for version in (1, 2, 4):
        said = refusal("Conflict", pipelines.set_secret, secret("NPM_TOKEN", version=version))
        assert "the next one is 3" in said
    for version in (1, 3):
        refusal("Conflict", pipelines.reseal_secret, secret("NPM_TOKEN", version=version))


def test_lists_are_by_name_and_say_who_lacks_a_secret(chain: SecretChain) -> None:
    chain.seal("B_OF_ALL", VALUE, only=("alice",))
    chain.seal("A_OF_DEMO", VALUE, "demo")
    chain.seal("A_OF_OTHER", VALUE, "other")
    chain.announce("carol")
    pipelines = chain.owner.pipeline_config
    names = [each["name"] for each in pipelines.list_secrets(None, FIRST_PAGE)["items"]]
    assert names == ["A_OF_DEMO", "A_OF_OTHER", "B_OF_ALL"]
    of_demo = pipelines.list_secrets("demo", FIRST_PAGE)["items"]
    assert [each["name"] for each in of_demo] == ["A_OF_DEMO", "B_OF_ALL"]
    found = sealing.executors(chain.owner)
    lacking = {
        each["name"]: [who.operator for who in sealing.standing(each, found).lacking]
        for each in of_demo
    }
    # What was given to one chosen executor is not lacked by others.
    assert lacking == {"A_OF_DEMO": ["carol"], "B_OF_ALL": []}
    chain.announce("alice")
    found = sealing.executors(chain.owner)
    assert [who.operator for who in sealing.standing(of_demo[1], found).lacking] == ["alice"]
    page = pipelines.list_secrets(None, {"cursor": None, "limit": 2})
    rest = pipelines.list_secrets(None, {"cursor": page["next"], "limit": 2})
    assert [each["name"] for each in page["items"] + rest["items"]] == names


@pytest.mark.parametrize(
    ("given", "kind", "named"),
    [
        ({"name": "lower"}, "Invalid", "use A-Z"),
        ({"name": "1ST"}, "Invalid", "use A-Z"),
        ({"name": ""}, "Invalid", "MAX_NAME_CHARS"),
        ({"name": "A" * 65}, "Invalid", "MAX_NAME_CHARS"),
        ({"name": "PATH"}, "Invalid", "set by the executor"),
        ({"name": "LD_PRELOAD"}, "Invalid", "set by the executor"),
        ({"repository": "No/Repository"}, "Invalid", "repository"),
        ({"copies": []}, "Invalid", "sealed to nobody"),
        ({"copies": [copy_for("2vxsx-fae")]}, "Invalid", "anonymous"),
        ({"copies": [copy_for(STRANGER.to_str())] * 2}, "Invalid", "named twice"),
        ({"copies": [copy_for(STRANGER.to_str(), key=bytes(31))]}, "Invalid", "X25519"),
        (
            {"copies": [copy_for(STRANGER.to_str(), MAX_SEALED_BYTES + 1)]},
            "TooLarge",
            "MAX_SEALED_BYTES",
        ),
        (
            {"copies": [copy_for(user_principal(200 + n).to_str()) for n in range(65)]},
            "TooLarge",
            "MAX_SECRET_COPIES",
        ),
    ],
)
def test_what_is_no_secret_is_refused(
    given: dict[str, Any], kind: str, named: str, chain: SecretChain
) -> None:
    said = refusal(kind, chain.owner.pipeline_config.set_secret, secret(**{"name": "OK", **given}))
    assert named in said


def test_a_secret_sealed_to_its_author_alone_is_refused(chain: SecretChain) -> None:
    own = copy_for(chain.owner.connection.sender)
    said = refusal("Invalid", chain.owner.pipeline_config.set_secret, secret("OK", [own]))
    assert "sealed to no executor" in said


def test_the_largest_secret_fits_its_maps(chain: SecretChain) -> None:
    copies = [
        copy_for(user_principal(200 + number).to_str(), MAX_SEALED_BYTES)
        for number in range(MAX_SECRET_COPIES)
    ]
    pipelines, name, repository = chain.owner.pipeline_config, "N" * 64, "r" * 64
    pipelines.set_secret(secret(name, copies, repository=repository))
    assert len(pipelines.get_secret(repository, name)["recipients"]) == MAX_SECRET_COPIES


def test_so_many_secrets_are_kept_and_no_more(chain: SecretChain) -> None:
    pipelines = chain.owner.pipeline_config
    for number in range(MAX_SECRETS):
        pipelines.set_secret(secret(f"S{number}"))
    assert "MAX_SECRETS" in refusal("Exhausted", pipelines.set_secret, secret("ONE_MORE"))
    pipelines.set_secret(secret("S0", version=2))
    pipelines.remove_secret(None, "S1")
    pipelines.set_secret(secret("ONE_MORE", version=2))


# -- credentials -----------------------------------------------------------------------------------


def credential(**more: Any) -> Any:
    return {
        "repository": "demo",
        "secret": "GIT_TOKEN",
        "kind": {"Token": None},
        "username": "x-access-token",
        "address": None,
        "host_keys": None,
        **more,
    }


ADDRESS = "ssh://git@git.example:2222/team/demo.git"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPavo2FLnfHzgy+BtiUtzbwJxY7q0znGoY69F9GjAlD0"


def deploy_key(**more: Any) -> Any:
    of_key = {"kind": {"DeployKey": None}, "username": "git", "address": ADDRESS}
    return credential(**{**of_key, "host_keys": [HOST_KEY], **more})


def test_a_repositorys_credential_is_given_for_the_checkout_of_every_stage(
    chain: SecretChain,
) -> None:
    chain.seal("GIT_TOKEN", b"ghp_0123456789")
    pipelines = chain.owner.pipeline_config
    assert pipelines.get_credential("demo") is None
    pipelines.set_credential(credential())
    chain.add_stage("run-1", stage_record(["true"]), SOURCE)
    view, work = leased(chain, "alice")
    taken = take_secrets(view, work, chain.keys["alice"])
    assert taken.values == {}
    assert taken.credential is not None
    assert (taken.credential.url, taken.credential.username, taken.credential.token) == (
        SOURCE["clone_url"],
        "x-access-token",
        "ghp_0123456789",
    )
    uses = pipelines.list_secret_uses(None, "GIT_TOKEN", FIRST_PAGE)["items"]
    assert [use["stage"] for use in uses] == ["build"]
    pipelines.remove_credential("demo")
    assert take_secrets(view, work, chain.keys["alice"]).credential is None
    refusal("NotFound", pipelines.remove_credential, "demo")


@pytest.mark.parametrize(
    ("given", "kind", "named"),
    [
        ({"kind": {"DeployKey": None}}, "Invalid", "a deploy key needs one of the form"),
        ({"address": ADDRESS}, "Invalid", "a token is for the clone URL"),
        ({"host_keys": [HOST_KEY]}, "Invalid", "a token is for the clone URL"),
        ({"secret": "MISSING"}, "NotFound", "there is no secret MISSING"),
        ({"secret": "lower"}, "Invalid", "use A-Z"),
        ({"username": ""}, "Invalid", "username"),
        ({"username": "a:b"}, "Invalid", "username"),
        ({"repository": ""}, "Invalid", "repository"),
    ],
)
def test_what_is_no_credential_is_refused(
    given: dict[str, Any], kind: str, named: str, chain: SecretChain
) -> None:
    chain.seal("GIT_TOKEN", VALUE)
    pipelines = chain.owner.pipeline_config
    assert named in refusal(kind, pipelines.set_credential, credential(**given))


def test_a_deploy_key_is_given_with_its_address_and_the_servers_keys(chain: SecretChain) -> None:
    chain.seal("GIT_TOKEN", b"-----BEGIN OPENSSH PRIVATE KEY-----")
    pipelines = chain.owner.pipeline_config
    pipelines.set_credential(deploy_key())
    assert pipelines.get_credential("demo") == deploy_key()
    chain.add_stage("run-1", stage_record(["true"]), SOURCE)
    view, work = leased(chain, "alice")
    taken = take_secrets(view, work, chain.keys["alice"]).credential
    assert taken is not None
    assert (taken.url, taken.address, taken.host_keys) == (
        SOURCE["clone_url"],
        ADDRESS,
        (HOST_KEY,),
    )


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"address": "https://git.example/team/demo.git"}, "ssh://git@HOST"),
        ({"address": "ssh://other@git.example/team/demo.git"}, "ssh://git@HOST"),
        ({"address": "ssh://git@git.example"}, "ssh://git@HOST"),
        ({"address": "ssh://git@/team/demo.git"}, "ssh://git@HOST"),
        ({"address": "ssh://git@-oProxyCommand=x/demo.git"}, "ssh://git@HOST"),
        ({"address": "ssh://git@git.example:0/demo.git"}, "ssh://git@HOST"),
        ({"address": "ssh://git@git.example:65536/demo.git"}, "ssh://git@HOST"),
        ({"address": "ssh://git@git.example:/demo.git"}, "ssh://git@HOST"),
        ({"address": "ssh://git@git.example/demo git"}, "visible ASCII"),
        ({"address": f"ssh://git@git.example/{'x' * 1000}"}, "MAX_TEXT_CHARS"),
        ({"username": "-oProxyCommand", "address": "ssh://-oProxyCommand@a/b"}, "-oProxyCommand@"),
        ({"username": "a@b", "address": "ssh://a@b@git.example/demo"}, "HOST"),
        ({"host_keys": []}, "MAX_HOST_KEYS"),
        ({"host_keys": None}, "MAX_HOST_KEYS"),
        ({"host_keys": [HOST_KEY] * 9}, "MAX_HOST_KEYS"),
        ({"host_keys": ["ssh-dss AAAA"]}, "ssh-ed25519"),
        ({"host_keys": ["ssh-ed25519"]}, "Base64"),
        ({"host_keys": ["ssh-ed25519 AAAA\n* ssh-rsa AAAA"]}, "Base64"),
    ],
)
def test_what_is_no_deploy_key_is_refused(
    given: dict[str, Any], named: str, chain: SecretChain
) -> None:
    chain.seal("GIT_TOKEN", VALUE)
    said = refusal("Invalid", chain.owner.pipeline_config.set_credential, deploy_key(**given))
    assert named in said


def test_the_largest_deploy_key_can_be_stored(chain: SecretChain) -> None:
    chain.seal("GIT_TOKEN", VALUE)
    start = "ssh://git@git.example/"
    pipelines = chain.owner.pipeline_config
    largest = deploy_key(
        address=start + "x" * (1000 - len(start)),
        host_keys=["ecdsa-sha2-nistp521 " + "A" * 1000] * 8,
    )
    pipelines.set_credential(largest)
    assert pipelines.get_credential("demo") == largest
