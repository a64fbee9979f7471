"""Compiling Motoko sources with the compiler of the npm package `motoko`."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dcanary"
_COMPILE = """
const motoko = require('motoko').default || require('motoko');
const fs = require('fs');
motoko.loadPackage(require('motoko/packages/latest/core.json'));
motoko.setPublicMetadata(['candid:service']);
motoko.write('Main.mo', fs.readFileSync(0, 'utf8'));
const out = motoko.wasm('Main.mo', 'ic');
fs.writeFileSync(process.argv[1], out.wasm);
"""

COUNTER = """
import Prim "mo:⛔";
persistent actor {
  type Pair = (Text, Text);
  type Request = {
    method : Text; url : Text; headers : [Pair]; body : Blob; certificate_version : ?Nat16
  };
  type Response = { status_code : Nat16; headers : [Pair]; body : Blob; upgrade : ?Bool };
  type Header = { name : Text; value : Text };
  type Fetched = { status : Nat; headers : [Header]; body : Blob };
  transient let ic = actor "aaaaa-aa" : actor {
    http_request : {
      url : Text; max_response_bytes : ?Nat64; method : { #get; #head; #post };
      headers : [Header]; body : ?Blob; transform : ?Nat
    } -> async Fetched
  };
  var n : Nat = 0;
  public func inc() : async Nat { n += 1; n };
  public query func get() : async Nat { n };
  public func fail() : async () { Prim.trap("failed on purpose") };
  public shared query ({ caller }) func whoami() : async Principal { caller };
  public func set_certified() : async () { Prim.setCertifiedData("\\01\\02") };
  public query func certificate() : async ?Blob { Prim.getCertificate() };
  public func now() : async Nat64 { Prim.time() };
  public query func http_request(r : Request) : async Response {
    if (r.method == "POST") {
      return { status_code = 200; headers = []; body = ""; upgrade = ?true }
    };
    { status_code = 203; headers = [("X-Url", r.url)]; body = "page"; upgrade = null }
  };
  public func http_request_update(r : Request) : async Response {
    n += 1;
    { status_code = 201; headers = []; body = r.body; upgrade = null }
  };
  public func fetch(url : Text) : async (Nat, ?Text) {
    let r = await (with cycles = 230_000_000_000) ic.http_request({
      url; max_response_bytes = ?10_000; method = #get; headers = []; body = null; transform = null
    });
    (r.status, Prim.decodeUtf8(r.body))
  };
}
"""
COUNTER_DID = """
service : {
  inc : () -> (nat);
  get : () -> (nat) query;
  fail : () -> ();
  whoami : () -> (principal) query;
  set_certified : () -> ();
  certificate : () -> (opt vec nat8) query;
  now : () -> (nat64);
  fetch : (text) -> (nat, opt text);
}
"""


def compile_motoko(source: str) -> bytes:
    """Compile an actor with the npm package `motoko`. Modules are kept in the user's cache by
    content, as the compiler takes seconds to start."""
    lock = (ROOT / "node_modules" / "motoko" / "package.json").read_bytes()
    key = hashlib.sha256(lock + _COMPILE.encode() + source.encode()).hexdigest()
    target = CACHE / "test-motoko" / f"{key}.wasm"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}")
        done = subprocess.run(
            ["node", "-e", _COMPILE, str(partial)],
            input=source.encode(),
            cwd=ROOT,
            capture_output=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        partial.replace(target)
    return target.read_bytes()
