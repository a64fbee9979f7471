"""The shell program that runs inside the sandbox, around a stage's commands.

Standard input is the source as a tar stream, standard output carries one-word status lines to the
executor, and everything that the commands print goes to standard error. At the end it waits to be
killed, so that the executor can still read the artifacts out of the sandbox's own file system.
"""

READY = "ready"
DONE = "done"
FAILED = "failed"
UNPACK = "unpack"

# $1: folder of the source; then the commands.
SCRIPT = r"""
set -u
umask 022
echo ready
source=$1
shift
finish() {
  echo "$@"
  while :; do kill -STOP "$$"; done
}
mkdir -p "$source" "$HOME" "$TMPDIR" || finish unpack
tar -x -f - -C "$source" --no-same-owner --delay-directory-restore >&2 || finish unpack
exec </dev/null
cd "$source" || finish unpack
number=0
for command in "$@"; do
  number=$((number + 1))
  printf '$ %s\n' "$command" >&2
  /bin/sh -e -c "$command" >&2 || finish failed "$number" "$?"
done
finish done
"""
