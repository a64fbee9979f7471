"""Stages that attack their launcher: as root and as an ordinary user, nothing of them gets through.

What a command starts cannot reach what runs it, cannot end or skip a later command, and does not
live when the next command or the collection of artifacts begins.
"""

import errno
import os
import shutil
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyseccomp
import pytest

from dcanary.executor.manifest import collect_artifacts
from dcanary.executor.sandbox import BubblewrapSandbox, Limits, Plan, close_process
from dcanary.executor.sandbox.seccomp import stage_filter
from tests.executor.conftest import write_source
from tests.executor.sandbox.users import ORDINARY, USERS, run_as

LIMITS = Limits(
    memory_bytes=256 << 20,
    storage_bytes=32 << 20,
    output_bytes=256 * 1024,
    processes=64,
    timeout_seconds=60,
)


@pytest.fixture
def folder(sandbox: BubblewrapSandbox) -> Iterator[Path]:
    """A folder with a source that any user reaches; pytest's own are for their owner alone."""
    made = Path(tempfile.mkdtemp(prefix="dcanary-test-"))
    made.chmod(0o777)
    write_source(made / "source.tar", {"hello.txt": "hello", "out/a.txt": ""}).chmod(0o644)
    stage_filter()  # Loads its library before another user does, who may not reach it.
    yield made
    shutil.rmtree(made)


def stage(
    folder: Path, *commands: str, watch: str = "", network: bool = False, **sandbox: Any
) -> dict[str, Any]:
    """Run commands; how it ended, what was printed, and whether `watch` changed meanwhile."""
    printed: list[bytes] = []
    sizes: list[int] = []

    def collect(source: int) -> None:
        for _ in range(2 if watch else 0):
            file = os.open(watch, os.O_RDONLY, dir_fd=source)
            sizes.append(os.fstat(file).st_size)
            os.close(file)
            # Not a wait for something: the time in which a survivor would write.
            time.sleep(0.5)

    plan = Plan(commands, folder / "source.tar", network=network)
    runner = BubblewrapSandbox(**sandbox)
    result = runner.run(plan, LIMITS, printed.append, lambda: False, collect)
    return {
        "reason": result.reason,
        "detail": result.detail,
        "printed": b"".join(printed).decode(errors="replace"),
        "sizes": sizes,
    }


# Takes every descriptor of every process that it sees, by each of the ways that Linux has, and
# writes what an earlier launcher of ours believed.
_TAKE_OVER = r"""
for my $folder (glob "/proc/[0-9]*") {
  my ($pid) = $folder =~ /(\d+)$/;
  next if $pid == $$;
  my $handle = syscall(434, $pid, 0);
  for my $number (0 .. 63) {
    # Write only, and never wait for a reader.
    if (sysopen(my $stream, "/proc/$pid/fd/$number", 1 | 2048)) { syswrite $stream, "done\n"; }
    my $taken = syscall(438, $handle, $number, 0);
    next if $taken < 0;
    print "taken $pid $number\n";
    if (open(my $stream, ">&=", $taken)) { syswrite $stream, "done\n"; }
  }
  print "attached $pid\n" if syscall(101, 16, $pid, 0, 0) == 0;
}
"""


@pytest.mark.parametrize("user", USERS)
def test_no_command_can_end_the_stage_before_the_next_one(folder: Path, user: str) -> None:
    take_over = f"perl -e '{_TAKE_OVER}' & perl -e '{_TAKE_OVER}'"
    done = run_as(user, lambda: stage(folder, take_over, "echo checked; exit 1"))
    assert done["reason"] == "command", done
    assert "command 2 of 2 ended with exit code 1" in done["detail"], done
    assert "\nchecked\n" in done["printed"]
    assert "\ntaken " not in done["printed"]
    assert "\nattached " not in done["printed"]


# Each goes on writing its own letter to out/a.txt for as long as it lives.
_WRITE = "while :; do printf {} >> out/a.txt; sleep 0.02; done"
_SURVIVORS = {
    "A": "({}) &",
    "B": "setsid sh -c '{}' &",
    "C": "(trap '' TERM HUP INT QUIT; {}) &",
    "D": '(setsid sh -c "({}) </dev/null >/dev/null 2>&1 &" &) &',
    "E": "setsid env -i sh -c 'cd /build/source; {}' &",
    "F": "sh -c '{}' & (sleep 0.5; kill -STOP $!) &",
    "G": "unshare -Urpf --kill-child=CONT sh -c '{}' &",
    "H": "unshare -Urpf sh -c \"unshare -Urpf sh -c '{}' & wait\" &",
}
_NESTED = "GH"


@pytest.mark.parametrize("groups", [True, False], ids=["control groups", "watching"])
@pytest.mark.parametrize("hardened", [True, False], ids=["hardened", "namespaces alone"])
@pytest.mark.parametrize("user", USERS)
def test_nothing_lives_when_the_next_command_or_the_collection_begins(
    folder: Path, user: str, hardened: bool, groups: bool
) -> None:
    """Without filter and limit nested namespaces can be made, and have to end all the same."""
    begin = "\n".join(how.format(_WRITE.format(key)) for key, how in _SURVIVORS.items())
    expected = [key for key in _SURVIVORS if not hardened or key not in _NESTED]
    await_all = "\n".join(f"until grep -q {key} out/a.txt; do sleep 0.02; done" for key in expected)
    count = "set -- /proc/[0-9]*; echo alive $#"
    commands = [f"{begin}\n{await_all}", count, f": > out/a.txt\n{begin}\n{await_all}"]
    done = run_as(
        user,
        lambda: stage(
            folder,
            *commands,
            watch="out/a.txt",
            use_cgroups=groups,
            disable_userns=hardened,
            filter_calls=hardened,
        ),
    )
    assert done["reason"] == "", done
    # The sandbox's init and the shell of the second command.
    assert "\nalive 2\n" in done["printed"], done
    before, after = done["sizes"]
    assert before == after, "a process of the stage was still writing"


@pytest.mark.parametrize("user", USERS)
def test_no_process_of_a_stage_is_left_on_the_machine(folder: Path, user: str) -> None:
    mark = f"{os.getpid()}271828"
    commands = [f"setsid sleep {mark} & setsid sh -c 'sleep {mark} & sleep {mark}' &", "true"]
    assert run_as(user, lambda: stage(folder, *commands))["reason"] == ""
    alive = [each.info["cmdline"] for each in psutil.process_iter(["cmdline"])]
    assert not [line for line in alive if line and mark in line]


def _numbers(*names: str) -> dict[str, int]:
    return {name: int(pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)) for name in names}


_REFUSED = _numbers(
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "pidfd_getfd",
    "kcmp",
    "bpf",
    "userfaultfd",
    "keyctl",
    "add_key",
    "request_key",
    "mount",
    "umount2",
    "pivot_root",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsmount",
    "fspick",
    "mount_setattr",
    "unshare",
    "setns",
    "perf_event_open",
    "open_by_handle_at",
    "init_module",
    "kexec_load",
    "reboot",
    "swapon",
    "chroot",
)
_UNKNOWN = _numbers(
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3", "memfd_create"),
    *("msgget", "msgsnd", "semget"),
)


@pytest.mark.parametrize("user", USERS)
def test_system_calls_that_reach_out_of_a_stage_are_refused(folder: Path, user: str) -> None:
    calls = {**_REFUSED, **_UNKNOWN}
    lines = [
        f"$! = 0; $r = syscall({number}, 0, 0, 0, 0, 0); printf qq({name} %d\\n), $r < 0 ? $! : 0;"
        for name, number in calls.items()
    ]
    clone = _numbers("clone")["clone"]
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        lines.append(
            f"$! = 0; $r = syscall({clone}, {flag} | 17, 0, 0, 0, 0); exit 0 if $r == 0; "
            f"printf qq(clone-{flag} %d\\n), $r < 0 ? $! : 0;"
        )
    done = run_as(user, lambda: stage(folder, "perl -e '" + "".join(lines) + "'"))
    assert done["reason"] == "", done
    said = dict(line.split() for line in done["printed"].splitlines() if len(line.split()) == 2)
    for name in calls:
        wanted = errno.ENOSYS if name in _UNKNOWN else errno.EPERM
        assert said[name] == str(wanted), (name, said[name])
    clones = {name: value for name, value in said.items() if name.startswith("clone-")}
    assert len(clones) == 7
    assert set(clones.values()) == {str(errno.EPERM)}


# Holds 400 MiB of which no page is in any process when it is looked at.
_HIDDEN = {
    "memory files": """
        import os
        for number in range(40):
            file = os.memfd_create("x")
            os.write(file, bytes(10 << 20))
            os.dup(file)
    """,
    "segments": """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        for number in range(40):
            segment = libc.shmget(0, ctypes.c_size_t(10 << 20), 0o1600)
            assert segment >= 0
            place = libc.shmat(segment, None, 0)
            ctypes.memset(place, 1, 10 << 20)
            libc.shmdt(ctypes.c_void_p(place))
    """,
    "messages": """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        message = ctypes.create_string_buffer(8 + 8192)
        message[0] = 1
        for number in range(25600):
            queue = libc.msgget(0, 0o1600)
            assert queue >= 0
            for part in range(2):
                assert libc.msgsnd(queue, message, ctypes.c_size_t(8192), 0o4000) == 0
    """,
    "semaphores": """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        for number in range(200):
            assert libc.semget(0, 32000, 0o1600) >= 0
    """,
    "shared mappings": """
        import mmap
        held = []
        for number in range(40):
            held.append(mmap.mmap(-1, 10 << 20))
            for at in range(0, 10 << 20, 4096):
                held[-1][at] = 1
            held[-1].madvise(mmap.MADV_DONTNEED)
    """,
}


@pytest.mark.parametrize("groups", [True, False], ids=["control groups", "watching"])
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("kind", _HIDDEN)
def test_no_stage_holds_memory_over_its_limit_where_no_process_has_it(
    folder: Path, user: str, kind: str, groups: bool
) -> None:
    ending = 'import time\ntime.sleep(5)\nprint("held it all")\n'
    command = f"/usr/bin/python3 -c '{textwrap.dedent(_HIDDEN[kind])}{ending}'"
    done = run_as(user, lambda: stage(folder, command, use_cgroups=groups))
    assert "\nheld it all\n" not in done["printed"], done
    if kind == "shared mappings":
        assert done["reason"] == "memory_limit", done
    else:
        said = "Function not implemented" if kind == "memory files" else "AssertionError"
        assert said in done["printed"], done


@pytest.mark.parametrize("user", USERS)
def test_a_database_may_have_its_small_segment(folder: Path, user: str) -> None:
    number = _numbers("shmget")["shmget"]
    done = run_as(
        user, lambda: stage(folder, f"perl -e 'exit(syscall({number}, 0, 56, 01600) < 0)'")
    )
    assert done["reason"] == "", done


@pytest.mark.parametrize("user", USERS)
def test_what_a_stage_sets_on_its_top_folder_has_the_same_effect_for_every_executor(
    folder: Path, user: str
) -> None:
    done = run_as(user, lambda: stage(folder, "chmod 000 /build", "cat hello.txt; chmod 0 /build"))
    assert (done["reason"], done["detail"]) == ("", ""), done
    assert "hello" in done["printed"]


@pytest.mark.parametrize("user", USERS)
def test_a_stage_without_the_filter_could_trace_which_shows_that_the_filter_acts(
    folder: Path, user: str
) -> None:
    trace_me = f"perl -e 'exit(syscall({_REFUSED['ptrace']}, 0, 0, 0, 0) == 0 ? 0 : 7)'"
    done = run_as(user, lambda: stage(folder, trace_me, filter_calls=False))
    assert done["reason"] == "", done
    assert "code 7" in run_as(user, lambda: stage(folder, trace_me))["detail"]


# Counts the memories of other processes that it may write.
_WRITE_MEMORY = r"""
my $open = 0;
for my $folder (glob "/proc/[0-9]*") {
  next if $folder eq "/proc/$$";
  $open++ if sysopen(my $memory, "$folder/mem", 1);
  $open++ if sysopen(my $memory, "$folder/mem", 2);
}
print "processes open for writing: $open\n";
"""


@pytest.mark.parametrize("user", USERS)
def test_no_process_can_write_into_the_memory_of_the_shell_or_of_the_init(
    folder: Path, user: str
) -> None:
    look = f"perl -e '{_WRITE_MEMORY}'"
    done = run_as(user, lambda: stage(folder, look))
    assert done["reason"] == "", done
    assert "\nprocesses open for writing: 0\n" in done["printed"]
    # Without the protection they are open: the test sees what there is to see.
    done = run_as(user, lambda: stage(folder, look, disable_userns=False, filter_calls=False))
    assert "\nprocesses open for writing: 0\n" not in done["printed"], done


@pytest.mark.parametrize("user", USERS)
def test_a_command_may_open_its_output_again_whoever_the_executor_is(
    folder: Path, user: str
) -> None:
    again = ("/dev/stdout", "/dev/stderr", "/proc/self/fd/1", "/dev/fd/2")
    commands = [f"echo to {path} > {path}" for path in again]
    done = run_as(user, lambda: stage(folder, *commands))
    assert done["reason"] == "", done
    for path in again:
        assert f"\nto {path}\n" in done["printed"]


@pytest.mark.parametrize("mode", ["000", "300", "600"])
@pytest.mark.parametrize("user", USERS)
def test_a_closed_source_folder_fails_the_stage_whoever_the_executor_is(
    folder: Path, user: str, mode: str
) -> None:
    def run() -> dict[str, Any]:
        def collect(source: int) -> None:
            collect_artifacts(source, ["out/a.txt"], Path(kept), 100)

        with tempfile.TemporaryDirectory() as kept:
            plan = Plan([f"chmod {mode} /build/source"], folder / "source.tar")
            runner = BubblewrapSandbox()
            done = runner.run(plan, LIMITS, lambda _: None, lambda: False, collect)
            return {"reason": done.reason, "detail": done.detail}

    done = run_as(user, run)
    assert done["reason"] == "artifact", done
    assert "Permission denied" in done["detail"]


@pytest.mark.parametrize("user", USERS)
def test_a_command_inherits_no_descriptor(folder: Path, user: str) -> None:
    leak = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(leak, True)
    try:
        done = run_as(
            user,
            lambda: stage(folder, "for f in /proc/$$/fd/*; do [ -e $f ] && echo $f; done; true"),
        )
    finally:
        os.close(leak)
    seen = {line.rpartition("/")[2] for line in done["printed"].splitlines() if line[0] == "/"}
    assert seen == {"0", "1", "2"}, done


@pytest.mark.parametrize("user", USERS)
def test_the_stage_is_a_user_of_its_own_without_powers_and_sees_its_own_processes_only(
    folder: Path, user: str
) -> None:
    commands = [
        "grep -E '^Cap(Prm|Eff|Inh|Amb)' /proc/self/status",
        "cat /proc/self/uid_map",
        "test ! -w /proc/sys/kernel/core_pattern",
        "set -- /proc/[0-9]*; echo alive $#",
        "! unshare -U true",
    ]
    done = run_as(user, lambda: stage(folder, *commands))
    assert done["reason"] == "", done
    powers = [line.split()[1] for line in done["printed"].splitlines() if line[:3] == "Cap"]
    assert len(powers) == 4
    assert set(powers) == {"0" * 16}
    assert "\nalive 2\n" in done["printed"]


@pytest.mark.parametrize("user", USERS)
def test_files_last_from_command_to_command_and_nothing_else_does(folder: Path, user: str) -> None:
    commands = [
        "echo kept > kept; echo kept > /tmp/kept; echo kept > $HOME/kept; cd /build; X=1; export X",
        "cat kept /tmp/kept $HOME/kept; pwd; echo x${X:-none}",
        "echo gone > /dev/shm/gone",
        "test ! -e /dev/shm/gone",
    ]
    done = run_as(user, lambda: stage(folder, *commands))
    assert done["reason"] == "", done
    assert "kept\nkept\nkept\n/build/source\nxnone\n" in done["printed"]


@pytest.mark.parametrize("user", USERS)
def test_a_source_folder_that_a_command_took_away_fails_the_stage_and_no_more(
    folder: Path, user: str
) -> None:
    done = run_as(user, lambda: stage(folder, "mv /build/source /build/gone", "true"))
    assert done["reason"] == "command", done
    assert done["detail"].startswith("command 2 of 2")


def test_a_closed_process_cannot_be_looked_into_by_its_own_user(folder: Path) -> None:
    def look() -> list[bool]:
        def parent_is_open() -> bool:
            read, write = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    os.close(os.open(f"/proc/{os.getppid()}/mem", os.O_RDWR))
                    os.write(write, b"open")
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            os.close(write)
            return os.read(read, 4) == b"open"

        before = parent_is_open()
        close_process()
        return [before, parent_is_open(), stage(folder, "true")["reason"] == ""]

    # Root looks into everything, so only an ordinary user shows it.
    assert run_as(ORDINARY, look) == [True, False, True]
