"""The system calls that no stage may make, as a BPF program for `bwrap --seccomp`.

A list of what is refused, not of what is allowed: builds run compilers and test suites of all
kinds, and every one that a list of allowed calls forgot would fail on some kernel. Namespaces and
missing capabilities are the confinement; this takes away what has broken out of such confinements
(new kernel interfaces, namespaces inside namespaces) and what reaches into another process.
"""

import errno
import functools
import platform
import tempfile

# Reading, changing or borrowing from other processes.
_OTHER_PROCESSES = (
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "kcmp",
)
# Large or young kernel interfaces that builds do not need.
_KERNEL_INTERFACES = (
    "bpf",
    "userfaultfd",
    "perf_event_open",
    "add_key",
    "request_key",
    "keyctl",
    "lookup_dcookie",
    "open_by_handle_at",
    "name_to_handle_at",
    "fanotify_init",
    "syslog",
)
# Programs try these first and fall back when the kernel does not know them.
_UNKNOWN = ("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3")
# Memory without a page in any process, which can be sent over a socket and be kept there: only a
# control group counts it. Refused on every machine, so that operators with and without control
# groups agree. Programs fall back on files or on shared mappings. A namespace has 32,000 queues of
# System V messages with 16 KiB in each, and as many sets of 32,000 semaphores of 64 bytes; those of
# POSIX are small, or files.
_HIDDEN_MEMORY = ("memfd_create", "memfd_secret", "msgget", "msgsnd", "semget")
# Database servers make a System V segment of a few bytes; a namespace has 4,096 of them at most.
_MAX_SEGMENT_BYTES = 4_096
_MOUNTS = (
    "mount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "open_tree_attr",
    "mount_setattr",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "swapon",
    "swapoff",
    "quotactl",
    "quotactl_fd",
)
_MACHINE = (
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "acct",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "sethostname",
    "setdomainname",
    "vhangup",
    "iopl",
    "ioperm",
)
_NAMESPACES = ("unshare", "setns")
# CLONE_NEWTIME … CLONE_NEWNET of <linux/sched.h>; NEWTIME cannot be asked of clone(2).
_CLONE_NEW = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
# TIOCSTI and TIOCLINUX of <asm-generic/ioctls.h>: typing into a terminal that is shared.
_TERMINAL_REQUESTS = (0x5412, 0x541C)
# AF_KEY, AF_PACKET, AF_ALG, AF_VSOCK and AF_XDP of <linux/socket.h>.
_ADDRESS_FAMILIES = (15, 17, 38, 40, 44)
_MACHINES = ("x86_64", "aarch64")
# Calls that a libseccomp of some years ago cannot name. From 424 on all architectures share the
# numbers (Linux kernel, scripts/syscall.tbl).
_YOUNG = {
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "clone3": 435,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
    "open_tree_attr": 467,
}


@functools.cache
def stage_filter() -> bytes:
    """The BPF program. Raises OSError when it cannot be made on this machine, and says why."""
    if platform.machine() not in _MACHINES:
        raise OSError(f"no filter of system calls for {platform.machine()}: {', '.join(_MACHINES)}")
    try:
        # Looking for the C library takes half a second: only executors should wait for it.
        import pyseccomp
    except (ImportError, RuntimeError) as error:
        raise OSError(
            f"libseccomp cannot be loaded ({error}): run `apt-get install -y libseccomp2` as root"
        ) from error
    made = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refused = pyseccomp.ERRNO(errno.EPERM)
    for names in (_OTHER_PROCESSES, _KERNEL_INTERFACES, _MOUNTS, _MACHINE, _NAMESPACES):
        for name in names:
            made.add_rule(refused, _call(name))
    for name in (*_UNKNOWN, *_HIDDEN_MEMORY):
        made.add_rule(pyseccomp.ERRNO(errno.ENOSYS), _call(name))
    for flag in _CLONE_NEW:
        # clone3 has its flags in memory, where a filter cannot look: it is unknown altogether.
        made.add_rule(refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    for call, position, values in (
        ("ioctl", 1, _TERMINAL_REQUESTS),
        ("socket", 0, _ADDRESS_FAMILIES),
    ):
        for value in values:
            # The kernel looks at 32 bits of these arguments only, so the filter must, too.
            low = pyseccomp.Arg(position, pyseccomp.MASKED_EQ, 0xFFFFFFFF, value)
            made.add_rule(refused, call, low)
    larger = pyseccomp.Arg(1, pyseccomp.GT, _MAX_SEGMENT_BYTES)
    made.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "shmget", larger)
    with tempfile.TemporaryFile() as file:
        made.export_bpf(file)
        file.seek(0)
        return file.read()


def _call(name: str) -> str | int:
    import pyseccomp

    number = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
    # Below zero: this library has no such name, or this architecture has no such call.
    return _YOUNG[name] if number == -1 and name in _YOUNG else name
