"""Git's hooks in the bare repositories: every push is recorded before its refs move.

`pre-receive` writes the push down as an intent; a push that cannot be written down is refused, and
nothing moves. `post-receive`, after the refs have moved, only renames the file, which needs no room
on the disk. For an intent that is left behind (git was killed, or refused some refs only), the refs
say what has moved, see `recovery`.
"""

from __future__ import annotations

from pathlib import Path

from dcanary.forge.layout import write_whole

PUSH_ID = "DCANARY_PUSH"
"""Environment variable that names a push; pushes past the forge's HTTP have none."""

# Both hooks have the same parent, `git receive-pack`, whose process id tells whether the push is
# still going on. Lines on the standard input are `<old> <new> <ref>`.
_ID = """#!/bin/sh
set -eu
spool=../../spool
id="${DCANARY_PUSH:-local-$PPID-$(cut -d ' ' -f 22 "/proc/$PPID/stat" 2>/dev/null || echo 0)}"
"""

_PRE_RECEIVE = (
    _ID
    + """
name=$(basename "$(pwd)" .git)
if { echo "$name $PPID $(date +%s%N)" && cat && echo end; } > "$spool/.$id" 2>/dev/null &&
    mv "$spool/.$id" "$spool/$id.intent"; then
    exit 0
fi
rm -f "$spool/.$id"
echo "the forge cannot record this push, so nothing was changed: make room on its disk" >&2
exit 1
"""
)

_POST_RECEIVE = (
    _ID
    + """
moved=$(cat)
if [ "$moved" = "$(sed '1d;$d' "$spool/$id.intent")" ]; then
    mv "$spool/$id.intent" "$spool/$(date +%s%N)-$id.push"
fi
# Else some refs did not move. The forge compares the intent with the refs when git has ended.
"""
)


def install(repository: Path) -> None:
    """Write the hooks of a bare repository, unless they are as they should be. Raises OSError."""
    folder = repository / "hooks"
    folder.mkdir(exist_ok=True)
    for name, content in (("pre-receive", _PRE_RECEIVE), ("post-receive", _POST_RECEIVE)):
        path = folder / name
        if not path.exists() or path.read_text() != content:
            write_whole(path, content.encode())
            path.chmod(0o755)
