"""The interface between the glue and the guest."""

# Runs in the canister's interpreter only.
# mypy: ignore-errors
# ruff: noqa: I001

import importlib
import json

import _ic
import kybra


class LoadError(Exception):
    """The canister declares something that cannot be served."""


def load(main):
    importlib.import_module(main)
    exports = ["canister_init", "canister_post_upgrade", "canister_global_timer"]
    exports += [f"{kind} {function.__name__}" for kind, function in kybra.METHODS]
    if len(exports) == 3:
        raise LoadError("the canister declares no method")
    did = "service : {}\n"
    return json.dumps({"exports": exports, "did": did, "metadata": {"cdk": "test"}})


def dispatch(index):
    if index >= 3:
        answer = kybra.METHODS[index - 3][1](_ic.msg_arg_data())
        if answer is not None:
            _ic.msg_reply(answer)


def on_reply(token):
    kybra.CALLBACKS["on_reply"](token)


def on_reject(token):
    kybra.CALLBACKS["on_reject"](token)


def on_cleanup(token):
    kybra.CALLBACKS["on_cleanup"](token)
