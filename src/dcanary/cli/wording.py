"""Failures in the words of the command line.

Canisters name their own methods in what they refuse (`see list_runs`): programs call those. People
type commands, so in text mode a method that a command stands for is named by that command. `--json`
keeps the canister's sentence.
"""

from __future__ import annotations

import re

from dcanary.client.errors import ClientError, RefusedError, RejectedError

COMMANDS = {
    "cancel_release": "release cancel",
    "cancel_run": "run cancel",
    "create_target_canister": "target create",
    "get_approval": "approval show",
    "get_pipeline_config": "pipeline show",
    "get_release": "release show",
    "get_run": "run show",
    "get_target": "target show",
    "grant_role": "access grant",
    "list_approvals": "approval list",
    "list_deliveries": "delivery list",
    "list_executors": "executor list",
    "list_grants": "access list",
    "list_jobs": "run jobs",
    "list_releases": "release list",
    "allow_delivery": "delivery allow",
    "list_runs": "run list",
    "list_targets": "target list",
    "list_templates": "template list",
    "plan_rollback": "release rollback --plan",
    "register_executor": "executor register",
    "register_pipeline": "pipeline register",
    "register_repository": "repository add",
    "register_target": "target add",
    "retry_release": "release retry",
    "retry_run": "run retry",
    "rollback_release": "release rollback",
    "set_credential": "repository credential set",
    "start_target": "target start",
    "stop_target": "target stop",
    "top_up_target": "target top-up",
    "trigger_run": "run start",
    "update_pipeline": "pipeline update",
    "update_target": "target update",
    "update_template": "template update",
}
"""Method -> the command that calls it."""


def case_and_text(case: str, text: str) -> str:
    """A case of a variant and its text, which may begin with the same word: `Cancelled by eve`."""
    if not text:
        return case
    first, _, rest = text.partition(" ")
    comma = "," if first.endswith(",") else ""
    is_said = first.removesuffix(",") == case.lower() and rest
    return f"{case}{comma} {rest}" if is_said else f"{case}: {text}"


SAID_INDENT = 4
"""Hints of ours stand two cells to the right of the failure."""
_METHOD = re.compile(rf"`?\b({'|'.join(COMMANDS)})\b`?")


def in_commands(sentence: str) -> str:
    """A canister's sentence, with commands in place of its methods."""
    return _METHOD.sub(lambda found: f"`dcanary {COMMANDS[found[1]]}`", sentence)


def worded(error: ClientError) -> str:
    """What a person is told of a failure: what happened and what to do."""
    hint = f"\n  {error.hint}" if error.hint else ""
    if isinstance(error, RefusedError):
        return indented(in_commands(error.sentence)) + hint
    if isinstance(error, RejectedError):
        what = error.message.removeprefix(f"{error.where}: rejected: ")
        return f"the canister rejected the call of {error.where}: {indented(what)}{hint}"
    return str(error)


def indented(said: str) -> str:
    """What a canister said, such as a traceback: its later lines cannot be taken for ours."""
    return said.replace("\n", f"\n{' ' * SAID_INDENT}")
