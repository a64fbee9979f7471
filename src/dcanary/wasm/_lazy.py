"""What the bundled standard library imports only when something of it is called.

After the build nothing can be imported, so that what stands here is imported with the modules that
need it. A fixed list, since it decides about the bytes of every canister: the machine's own Python
may be another version. Left out is what a canister has no use for: command lines (argparse,
getopt), debuggers, processes, other platforms; and `warnings`, which the guest package imports.
"""

from __future__ import annotations

LAZY = {
    "argparse": ("_colorize", "copy", "difflib", "shutil", "textwrap"),
    "collections": ("copy", "heapq"),
    "csv": ("re",),
    "difflib": ("re",),
    "email": ("email.parser",),
    "email._parseaddr": ("calendar",),
    "email.feedparser": ("email.message",),
    "email.message": ("email.generator", "email.policy"),
    "email.utils": ("email.charset", "random"),
    "encodings.idna": ("encodings.punycode",),
    "fractions": ("decimal",),
    "functools": ("annotationlib", "typing", "weakref"),
    "gettext": ("copy", "locale", "re", "struct"),
    "http.cookiejar": ("traceback",),
    "inspect": ("importlib",),
    "ipaddress": ("re",),
    "locale": ("re",),
    "logging": ("pickle",),
    "operator": ("functools",),
    "optparse": ("textwrap",),
    "pathlib": ("shutil", "urllib.parse"),
    "posixpath": ("re",),
    "pprint": ("dataclasses", "re"),
    "quopri": ("io",),
    "shlex": ("collections",),
    "string": ("collections", "re"),
    # CPython itself imports it to divide and to print integers of thousands of digits.
    "sys": ("_pylong",),
    "uuid": ("hashlib", "platform", "random", "shutil"),
    "weakref": ("copy",),
    "xml.dom.minidom": ("xml.dom.expatbuilder", "xml.dom.pulldom"),
    "xml.dom.pulldom": ("xml.dom.minidom", "xml.sax"),
    "zoneinfo._common": ("importlib.resources",),
    "zoneinfo._zoneinfo": ("pickle",),
}
"""Module -> modules that its functions import."""

ON_USE = {
    "runtime_checkable": "inspect",
    "strptime": "_strptime",
    "unparse": "_ast_unparse",
}
"""Word in a canister's source -> module that CPython imports when the thing of that name is called.

By the word, since the modules that have these functions are in every canister.
"""
