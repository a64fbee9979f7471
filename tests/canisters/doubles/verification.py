"""Stands in for verification: keeps the approval policies that it is told."""

from kybra import Opt, StableBTreeMap, query, text, update

from shared.types.errors import Done
from shared.types.pipeline import ApprovalPolicy

policies = StableBTreeMap[text, ApprovalPolicy](memory_id=0, max_key_size=100, max_value_size=5_000)


@update
def sync_policy(repository: text, policy: ApprovalPolicy) -> Done:
    policies.insert(repository, policy)
    return {"Ok": None}


@query
def policy_of(repository: text) -> Opt[ApprovalPolicy]:
    return policies.get(repository)
