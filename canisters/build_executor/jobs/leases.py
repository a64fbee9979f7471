"""Who holds a lease: what `pipeline_config` asks before it hands out secrets."""

from canisters.build_executor.book import Book
from canisters.build_executor.keys import job_name
from canisters.build_executor.records import ResolutionRecord
from shared.rules.refused import conflict, denied, not_found
from shared.types.secret import LeaseGrant


def get(book: Book, name: str, attempt: int, executor: str, now: int) -> LeaseGrant:
    """What the executor may be given for the attempt of a job whose lease it holds at `now`.

    Raises NotFound, Denied to everybody else, and Conflict when the lease is over. Nothing of it
    is secret; the answer counts because a canister asks, which all of the network answers.
    """
    resolution = book.resolutions.asked(name)
    if resolution is not None:
        return _of_resolution(book, name, resolution, executor)
    found = book.job(name)
    if found is None:
        raise not_found(f"there is no job {name[:200]}: see list_jobs")
    stage, job = found
    shown = job_name(stage, job["replica"])
    if job["executor"] != executor:
        raise denied(f"{executor} does not hold the lease of {shown}: lease work first")
    if attempt != job["attempt"] or "Leased" not in job["state"] or job["lease_until_ns"] <= now:
        raise conflict(f"the lease of attempt {attempt} of {shown} is over")
    known = book.executor(executor)
    if known is None or not known[0]["enabled"]:
        raise denied(f"executor {executor} is disabled: ask an admin to enable it")
    stored = book.specs.get(stage["run"])
    if stored is None:
        raise not_found(f"the pipeline of {stage['run']} is not here: report this")
    source = stored["spec"]["source"]
    definition = stored["spec"]["pipeline"]["stages"][stage["position"]]
    return {
        "run": stage["run"],
        "stage": stage["name"],
        "repository": source["repository"],
        "ref": source["ref"],
        "operator": known[0]["operator"],
        "secrets": definition["secrets"] or [],
    }


def _of_resolution(book: Book, run: str, record: ResolutionRecord, executor: str) -> LeaseGrant:
    """What an executor may be given to read the ref of a run: what the repository is cloned with,
    and nothing that a stage lists."""
    known = book.executor(executor)
    if known is None or not known[0]["enabled"]:
        raise denied(f"{executor} is no executor that is enabled: ask an admin")
    return {
        "run": run,
        "stage": "",
        "repository": record["repository"],
        "ref": record["ref"],
        "operator": known[0]["operator"],
        "secrets": [],
    }
