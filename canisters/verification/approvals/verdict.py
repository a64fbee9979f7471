"""The agreement behind an artifact, from the rounds of this canister."""

from canisters.verification.store import manifests, rounds
from shared.types.approval import ApprovalInput, OrderVerdict


def verdict_behind(request: ApprovalInput) -> "OrderVerdict | str":
    """Who agreed on the artifact's bytes; a sentence when nobody did."""
    where = f"stage {request['stage']} of {request['run']}"
    round = rounds.get(f"{request['run']}/{request['stage']}")
    verdict = None if round is None else round["verdict"]
    if round is None or verdict is None or "Agreed" not in verdict["kind"]:
        return f"{where} has no agreed result: nothing can be approved"
    stored = manifests.get(verdict["manifest"])
    for file in [] if stored is None else stored["files"]:
        if (file["path"], file["size"], file["sha256"]) == (
            request["artifact"],
            request["size"],
            request["sha256"],
        ):
            agreeing = set(verdict["jobs"])
            operators = {vote["operator"] for vote in round["votes"] if vote["job"] in agreeing}
            return {
                "manifest": verdict["manifest"],
                "environment": verdict["environment"],
                "operators": sorted(operators),
                "quorum": round["quorum"],
                "replicas": round["replicas"],
            }
    return f"{where} agreed on other bytes of {request['artifact']}: nothing can be approved"
