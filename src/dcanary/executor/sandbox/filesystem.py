"""The file system of one stage: made once, kept between its commands, gone with its holder.

A holder process of ours, outside of the sandbox, sits in a mount namespace of its own, where a
tmpfs of the stage's size is mounted. Every command's sandbox is begun in that namespace and binds
the tmpfs at /build. Nothing of the stage ever runs in the holder's namespaces. When the executor
ends in whatever way, the pipe that the holder reads from ends, the holder with it, and the kernel
frees the tmpfs.

An ordinary user may mount in a user namespace of its own. Root mounts as root and then begins
every sandbox as a user who owns nothing: so bubblewrap itself never runs with root's power, and
the files to be bound, which only root may reach, are bound where that user reaches them.
"""

import contextlib
import errno
import os
import selectors
import stat
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from dcanary.executor.sandbox.model import Bind, SandboxError

POWERLESS_ID = 65_533
MAX_INODES = 200_000
_START_SECONDS = 20.0
_END_SECONDS = 10.0
_PREFIX = "dcanary-stage-"
_SHARED_FOLDERS = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 (mkdtemp makes the folder there)
_READY = b"ready\n"
_OWNER_READS = stat.S_IRUSR | stat.S_IXUSR
# $1: an empty folder, $2: bytes, $3: inodes, $4: the stage's user, as seen in the namespace; then
# the files and folders to bind below it.
_SCRIPT = r"""
set -eu
umask 022
base=$1 size=$2 inodes=$3 owner=$4
shift 4
mount -t tmpfs -o size=1m,mode=0755 dcanary "$base"
mkdir "$base/build" "$base/binds" "$base/proc"
options=size=$size,nr_inodes=$inodes,mode=0777,uid=$owner,gid=$owner
mount -t tmpfs -o "$options" dcanary "$base/build"
# Containers cover parts of /proc; the kernel lets an ordinary user mount one only beside a whole.
mount -t proc dcanary "$base/proc" 2>/dev/null || true
number=0
for host in "$@"; do
  place=$base/binds/$number/${host##*/}
  mkdir "$base/binds/$number"
  if [ -d "$host" ]; then mkdir "$place"; else : > "$place"; fi
  mount --bind "$host" "$place"
  number=$((number + 1))
done
echo ready
exec 1>&-
read -r _ || :
"""


class StageFileSystem:
    """A tmpfs of `size` bytes, and `binds` within reach of the sandbox.

    Raises SandboxError when the machine does not allow it.
    """

    def __init__(self, size: int, binds: Sequence[Bind]) -> None:
        self._as_root = os.geteuid() == 0
        self._given = tuple(binds)
        self._base = make_base()
        self._folder = -1
        staged = [str(bind.host) for bind in binds] if self._as_root else []
        user = [] if self._as_root else ["--user", "--map-root-user"]
        try:
            self._holder = subprocess.Popen(
                [
                    "/usr/bin/unshare",
                    *user,
                    "--mount",
                    "/bin/sh",
                    "-c",
                    _SCRIPT,
                    "dcanary-stage",
                    str(self._base),
                    str(size),
                    str(MAX_INODES),
                    str(POWERLESS_ID if self._as_root else 0),
                    *staged,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self._base.rmdir()
            raise SandboxError(f"the sandbox does not start: {error}") from error
        try:
            self._wait_until_ready()
            place = Path(f"/proc/{self._holder.pid}/root", *self.build.parts[1:])
            self._folder = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            self.close()
            raise SandboxError(f"the sandbox does not start: {error}") from error
        except BaseException:
            self.close()
            raise

    @property
    def build(self) -> Path:
        """Where the tmpfs is, as the sandbox's `bwrap` sees it."""
        return self._base / "build"

    @property
    def binds(self) -> tuple[Bind, ...]:
        """The given binds, with where `bwrap` finds them."""
        if not self._as_root:
            return self._given
        return tuple(
            Bind(self._base / "binds" / str(number) / bind.host.name, bind.inside)
            for number, bind in enumerate(self._given)
        )

    def enter(self) -> list[str]:
        """The words before a command that begin it in here, as a user without powers."""
        holder = f"--target={self._holder.pid}"
        if self._as_root:
            become = [f"--reuid={POWERLESS_ID}", f"--regid={POWERLESS_ID}", "--clear-groups"]
            return ["/usr/bin/nsenter", holder, "--mount", "--", "/usr/bin/setpriv", *become, "--"]
        return ["/usr/bin/nsenter", holder, "--user", "--mount", "--preserve-credentials", "--"]

    def give(self, descriptor: int) -> None:
        """Make what `enter` becomes the owner of a pipe.

        Otherwise `> /dev/stderr` in a stage, which opens it again, would be denied where the
        executor is root, and allowed elsewhere: operators would disagree about a commit.
        """
        if self._as_root:
            os.fchown(descriptor, POWERLESS_ID, POWERLESS_ID)

    def open_folder(self, name: str) -> int:
        """A descriptor of a folder at the top of the tmpfs. A link in its place is never followed.

        Raises OSError.
        """
        self.restore()
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        opened = os.open(name, flags, dir_fd=self._folder)
        # Root is asked for no permission; the verdict must not depend on who the executor is.
        if os.fstat(opened).st_mode & _OWNER_READS != _OWNER_READS:
            os.close(opened)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened

    def restore(self) -> None:
        """Let everyone enter the tmpfs, also when a command has forbidden it. Raises OSError.

        The stage owns the tmpfs for every executor: what it sets there must have the same effect.
        """
        os.fchmod(self._folder, 0o777)

    def space(self) -> os.statvfs_result:
        """What is used and free."""
        return os.fstatvfs(self._folder)

    def close(self) -> None:
        """Give everything back. May be called twice."""
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1
        for stream in (self._holder.stdin, self._holder.stdout, self._holder.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            self._holder.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._holder.kill()
            self._holder.wait()
        with contextlib.suppress(OSError):
            self._base.rmdir()

    def _wait_until_ready(self) -> None:
        out, err = self._holder.stdout, self._holder.stderr
        assert out is not None and err is not None
        said = {out: b"", err: b""}
        deadline = time.monotonic() + _START_SECONDS
        with selectors.DefaultSelector() as selector:
            for stream in said:
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map() and time.monotonic() < deadline:
                for key, _ in selector.select(0.1):
                    stream = out if key.fileobj is out else err
                    chunk = os.read(stream.fileno(), 4_096)
                    said[stream] += chunk
                    if said[out] == _READY:
                        return
                    if not chunk:
                        selector.unregister(stream)
        why = " ".join(said[err].decode(errors="replace").split()) or "its file system was not made"
        raise SandboxError(f"the sandbox does not start: {why}")


def make_base() -> Path:
    """An empty folder that the powerless user can pass through. Raises SandboxError."""
    try:
        parent = _passable_parent()
        _remove_stale(parent)
        made = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
        made.chmod(0o755)
    except OSError as error:
        raise SandboxError(f"no folder for the sandbox can be made: {error}") from error
    return made


def _passable_parent() -> Path:
    """The folder for temporary files, or another one if only its owner may pass through that."""
    usual = Path(tempfile.gettempdir()).resolve()
    for parent in (usual, *_SHARED_FOLDERS):
        if all(step.stat().st_mode & 0o001 for step in (parent, *parent.parents)):
            return parent
    raise SandboxError(
        f"only its owner may pass through {usual}: set TMPDIR to a folder that all users may enter"
    )


def _remove_stale(parent: Path) -> None:
    # Left by executors that were killed. They are empty: mounts are in the holder's namespace.
    for old in parent.glob(f"{_PREFIX}*-*"):
        pid = old.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path(f"/proc/{pid}").exists():
            with contextlib.suppress(OSError):
                old.rmdir()
