"""A canister whose functions import from the standard library when they are called."""

from kybra import query


@query
def shortened() -> str:
    import textwrap

    return textwrap.shorten("hello world", 8, placeholder="...")


@query
def parsed() -> str:
    from datetime import datetime

    return str(datetime.strptime("2020-01-02", "%Y-%m-%d"))


@query
def most_common() -> str:
    import collections

    return str(collections.Counter("aab").most_common(1))


@query
def copied() -> str:
    from collections import UserDict

    class Mine(UserDict):
        pass

    return str(Mine(a=1).copy())


@query
def by_name() -> str:
    import importlib

    return str(importlib.import_module("fractions").Fraction(1, 3))


@query
def median() -> str:
    import statistics

    return str(statistics.median([1, 2, 3]))


@query
def tenth() -> str:
    import decimal

    return str(decimal.Decimal("0.1") + 1)


@query
def close() -> str:
    import difflib

    return str(difflib.get_close_matches("appel", ["apple"]))


@query
def encoded() -> str:
    return "bücher".encode("idna").decode() + "x".encode("UTF-16-LE").hex()


@query
def printed() -> str:
    import pprint

    return pprint.pformat({"b": 1, "a": [2]})


@query
def templated() -> str:
    import string

    return string.Template("$a!").substitute(a="yes")


@query
def mailed() -> str:
    import email

    return email.message_from_string("Subject: hi\n\nbody")["Subject"]


@query
def indented() -> str:
    import json

    return json.dumps({"a": 1}, indent=1)


@query
def without() -> str:
    try:
        import ssl
    except ImportError:
        return "no ssl"
    return str(ssl)


@query
def identified() -> str:
    import uuid

    made = uuid.uuid5(uuid.NAMESPACE_DNS, "a").version, uuid.uuid1(node=1).version
    return str(made)


@query
def unparsed() -> str:
    import ast

    return ast.unparse(ast.parse("x=1"))


@query
def divided() -> str:
    quotient, _ = divmod(7**20000, 5**9000 + 1)
    return str(quotient % 1000)
