"""The interface between the glue and the guest."""

import importlib
import json

import _ic
import kybra

_CALLBACKS = {}


def load(main):
    importlib.import_module(main)
    exports = ["canister_init", "canister_post_upgrade", "canister_global_timer"]
    exports += [f"{kind} {function.__name__}" for kind, function in kybra.METHODS]
    return json.dumps({"exports": exports, "did": "service : {}\n", "metadata": {}})


def dispatch(index):
    if index >= 3:
        answer = kybra.METHODS[index - 3][1](_ic.msg_arg_data())
        if answer is not None:
            _ic.msg_reply(answer)


def on_reply(token):
    _ic.msg_reply(b"reply %d " % token + _ic.msg_arg_data())


def on_reject(token):
    _ic.msg_reply(b"reject %d %d " % (token, _ic.msg_reject_code()) + _ic.msg_reject_msg().encode())


def on_cleanup(token):
    _ic.debug_print(f"cleanup {token}")
