#!/usr/bin/env bash
# Sets up what is missing: .venv from requirements.lock, node_modules from package-lock.json, and
# the Debian packages named below where this user may install them. Nothing else is touched.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.14 python3.13 python3.12 python3.11 python3; do
        [ -n "$candidate" ] || continue
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    say "setup: Python 3.11 or newer is needed and none was found (set PYTHON to one)"
    exit 2
}

need() {
    command -v "$1" >/dev/null 2>&1 && return
    say "setup: $1 is needed and was not found: install $2"
    exit 2
}

# Debian packages: a program or library to look for, and the package that brings it.
missing_packages() {
    command -v bwrap >/dev/null 2>&1 || echo bubblewrap
    command -v git >/dev/null 2>&1 || echo git
    command -v ssh-agent >/dev/null 2>&1 || echo openssh-client
    if command -v ldconfig >/dev/null 2>&1; then
        ldconfig -p | grep -q 'libdbus-1\.so\.3' || echo libdbus-1-3
    fi
}

install_packages() {
    local missing
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    local as_root=""
    if [ "$(id -u)" != 0 ]; then
        as_root="no"
        if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo"; fi
    fi
    if [ "$as_root" = no ] || ! command -v apt-get >/dev/null 2>&1; then
        say "setup: these packages are missing; please run:"
        say "  apt-get install -y $missing"
        return 0
    fi
    say "setup: installing Debian packages: $missing ..."
    # shellcheck disable=SC2086
    { $as_root apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq $missing; } >/dev/null 2>&1 ||
        say "setup: that failed; please run: apt-get install -y $missing"
}

digest() { cat "$@" | sha256sum | cut -d' ' -f1; }

# Does a long thing and says every TELL seconds what it is at, and at the end how long it took; what
# it printed is shown only if it failed.
TELL=${DCANARY_SETUP_TELL:-15}
step() { # title, when it takes how long, command...
    local title=$1 usual=$2 log worker code=0 now
    shift 2
    log=$(mktemp)
    say "setup: $title"
    say "setup: $usual ..."
    SECONDS=0
    # Before the start: Ctrl-C at any moment after it finds what to end. `$!` and not a variable set
    # afterwards, which is not yet there when the signal comes in between.
    trap '[ -z "${!-}" ] || kill -- -"$!" 2>/dev/null || true; rm -f "$log"; exit 130' INT TERM
    # In a process group of its own: what a script starts with & alone ignores Ctrl-C.
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    worker=$!
    set +m
    local told=0
    while kill -0 "$worker" 2>/dev/null; do
        sleep 0.2
        if [ $((SECONDS - told)) -ge "$TELL" ]; then
            told=$SECONDS
            now=$(latest "$log")
            say "$(short "$(printf 'setup: %3d s: %s' "$SECONDS" "${now:-still at it}")")"
        fi
    done
    wait "$worker" || code=$?
    trap - INT TERM
    if [ "$code" != 0 ]; then
        cat "$log" >&2
        rm -f "$log"
        say "setup: that failed; the lines above say why"
        tell_of_proxies
        exit 1
    fi
    rm -f "$log"
    say "setup: done in $SECONDS s"
}

# A line of at most 79 characters, cut between two words, or within a long one such as an address.
short() {
    local line=$1 words
    if [ "${#line}" -gt 79 ]; then
        line=${line:0:75}
        words=${line% *}
        [ $((${#line} - ${#words})) -gt 20 ] || line=$words
        line="$line ..."
    fi
    printf '%s' "$line"
}

# Downloads go through what these variables name; their values may hold passwords.
tell_of_proxies() {
    local name set=""
    for name in HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy \
        npm_config_proxy npm_config_https_proxy; do
        [ -z "${!name:-}" ] || set="$set $name"
    done
    [ -z "$set" ] || say "setup: downloads went through the proxy of$set: does it answer?"
}

# The last thing that was printed to a log, in one line.
latest() { tr '\r' '\n' <"$1" | grep -v '^[[:space:]]*$' | tail -n 1 | sed 's/^[[:space:]]*//' || true; }

install_python_packages() {
    local pip=(.venv/bin/python -m pip install --progress-bar off)
    pip+=(--disable-pip-version-check --root-user-action=ignore)
    { [ -x .venv/bin/python ] || "$python" -m venv .venv; } &&
        "${pip[@]}" --require-hashes -r requirements.lock &&
        "${pip[@]}" --no-deps --no-build-isolation -e .
}

install_node_packages() { npm ci --loglevel http --ignore-scripts --no-audit --no-fund; }

need node "Node.js 20"
need npm "npm"
install_packages

stamp=.venv/.dcanary-setup
want="$(digest requirements.lock pyproject.toml)"
if [ ! -x .venv/bin/python ] || [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
    python=$(find_python)
    usual="the first time this takes 1 to 3 minutes, longer on a busy machine"
    [ ! -x .venv/bin/python ] || usual=".venv is there: this takes as long as what has changed"
    step "Python packages into .venv, by their hashes" "$usual" install_python_packages
    echo "$want" >"$stamp"
fi

stamp=node_modules/.dcanary-setup
want="$(digest package-lock.json)"
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
    step "npm packages into node_modules" "this takes about half a minute" install_node_packages
    echo "$want" >"$stamp"
fi
