"""The words for errors: those of the classic programs, which log analysers match"""

import errno

import pytest

from pysvc.unix import strerr

WORDS = """
    EPERM permission denied; EACCES access denied; ENOENT file does not exist; EEXIST file already exists
    ENOTDIR not a directory; EISDIR is a directory; ENOSPC out of disk space; EDQUOT disk quota exceeded
    EIO input/output error; ENOMEM out of memory; EINTR interrupted system call; EAGAIN temporary failure
    EPIPE broken pipe; ETIMEDOUT timed out; ECONNREFUSED connection refused; ECONNRESET connection reset
    EHOSTUNREACH host unreachable; ENETUNREACH network unreachable; EMFILE process cannot open more files
    ENFILE system cannot open more files; ELOOP symbolic link loop; ENAMETOOLONG file name too long
    EROFS read-only file system; ETXTBSY text busy; ENOEXEC exec format error; E2BIG argument list too long
    EFBIG file too big; EBUSY device busy; EXDEV cross-device link; ENOLCK no locks available
    ESTALE stale NFS file handle; EINVAL invalid argument; EBADF file descriptor not open
    ENXIO device not configured; ENODEV device does not support operation; ENOTEMPTY directory not empty
    ESPIPE unseekable descriptor; ENOTTY not a tty; ECHILD no child processes; ESRCH no such process
    EINPROGRESS operation in progress; EDEADLK operation would cause deadlock; EFAULT bad address
    EMLINK too many links; EADDRINUSE address already used; EADDRNOTAVAIL address not available
    ENETDOWN network down; ECONNABORTED connection aborted; ENOBUFS out of buffer space
    ENOTCONN not connected; ENOTSOCK not a socket; EHOSTDOWN host down; ENOSYS system call not available
"""
PAIRS = [item.strip().split(" ", 1) for line in WORDS.strip().splitlines() for item in line.split(";")]
PASSING = "EINTR ENOMEM EAGAIN ENOSPC EDQUOT EIO ETXTBSY EMFILE ENFILE ETIMEDOUT ECONNREFUSED ENOLCK ESTALE"
LASTING = "EACCES EPERM ENOENT ENOTDIR EISDIR ELOOP EROFS ENAMETOOLONG"


@pytest.mark.parametrize(("name", "words"), PAIRS)
def test_words(name: str, words: str) -> None:
    assert strerr.words(getattr(errno, name)) == words


def test_what_has_no_words() -> None:
    assert strerr.words(0) == "no error"
    assert strerr.words(9999) == "unknown error"


def test_what_may_work_later() -> None:
    """Decides between exit codes 111 and 100 where a program cannot be run."""
    assert all(strerr.temporary(OSError(getattr(errno, name), "")) for name in PASSING.split())
    assert not any(strerr.temporary(OSError(getattr(errno, name), "")) for name in LASTING.split())
