"""What a program says when it cannot go on: one line on descriptor 2 and an exit code

The words for an errno are those of the classic programs, never the C library's: log analysers match
`file does not exist` and `access denied`. Source: daemontools error_str.c as listed in its manuals.
"""

import errno
import os

PERMANENT = 100  # wrong usage, or trouble that trying again will not mend
TEMPORARY = 111  # a system call failed

_WORDS = {
    "EPERM": "permission denied", "ENOENT": "file does not exist", "ESRCH": "no such process",
    "EINTR": "interrupted system call", "EIO": "input/output error", "ENXIO": "device not configured",
    "E2BIG": "argument list too long", "ENOEXEC": "exec format error", "EBADF": "file descriptor not open",
    "ECHILD": "no child processes", "EAGAIN": "temporary failure", "EWOULDBLOCK": "temporary failure",
    "ENOMEM": "out of memory", "EACCES": "access denied", "EFAULT": "bad address",
    "ENOTBLK": "not a block device", "EBUSY": "device busy", "EEXIST": "file already exists",
    "EXDEV": "cross-device link", "ENODEV": "device does not support operation",
    "ENOTDIR": "not a directory", "EISDIR": "is a directory", "EINVAL": "invalid argument",
    "ENFILE": "system cannot open more files", "EMFILE": "process cannot open more files",
    "ENOTTY": "not a tty", "ETXTBSY": "text busy", "EFBIG": "file too big",
    "ENOSPC": "out of disk space", "ESPIPE": "unseekable descriptor", "EROFS": "read-only file system",
    "EMLINK": "too many links", "EPIPE": "broken pipe", "EDOM": "input out of range",
    "ERANGE": "output out of range", "EDEADLK": "operation would cause deadlock",
    "ENAMETOOLONG": "file name too long", "ENOLCK": "no locks available",
    "ENOSYS": "system call not available", "ENOTEMPTY": "directory not empty",
    "ELOOP": "symbolic link loop", "ENOMSG": "no message of desired type", "EIDRM": "identifier removed",
    "ENOSTR": "not a stream device", "ETIME": "timer expired", "ENOSR": "out of stream resources",
    "ENONET": "machine not on network", "EREMOTE": "too many levels of remote in path",
    "ENOLINK": "link severed", "EADV": "advertise error", "ESRMNT": "srmount error",
    "ECOMM": "communication error", "EPROTO": "protocol error", "EMULTIHOP": "multihop attempted",
    "EBADMSG": "bad message type", "EREMCHG": "remote address changed", "EUSERS": "too many users",
    "ENOTSOCK": "not a socket", "EDESTADDRREQ": "destination address required",
    "EMSGSIZE": "message too long", "EPROTOTYPE": "incorrect protocol type",
    "ENOPROTOOPT": "protocol not available", "EPROTONOSUPPORT": "protocol not supported",
    "ESOCKTNOSUPPORT": "socket type not supported", "EOPNOTSUPP": "operation not supported",
    "EPFNOSUPPORT": "protocol family not supported", "EAFNOSUPPORT": "address family not supported",
    "EADDRINUSE": "address already used", "EADDRNOTAVAIL": "address not available",
    "ENETDOWN": "network down", "ENETUNREACH": "network unreachable", "ENETRESET": "network reset",
    "ECONNABORTED": "connection aborted", "ECONNRESET": "connection reset",
    "ENOBUFS": "out of buffer space", "EISCONN": "already connected", "ENOTCONN": "not connected",
    "ESHUTDOWN": "socket shut down", "ETOOMANYREFS": "too many references", "ETIMEDOUT": "timed out",
    "ECONNREFUSED": "connection refused", "EHOSTDOWN": "host down", "EHOSTUNREACH": "host unreachable",
    "EALREADY": "operation already in progress", "EINPROGRESS": "operation in progress",
    "ESTALE": "stale NFS file handle", "EDQUOT": "disk quota exceeded",
}  # fmt: skip
WORDS: dict[int, str] = {0: "no error"} | {
    getattr(errno, name): words for name, words in _WORDS.items() if hasattr(errno, name)
}
# What may well work at the next attempt; qmail's error_temp.c.
TEMPORARY_ERRNOS = frozenset(
    getattr(errno, name)
    for name in (
        "EINTR ENOMEM ETXTBSY EIO ETIMEDOUT EAGAIN EWOULDBLOCK EDEADLK EBUSY ENFILE EMFILE EFBIG ENOSPC "
        "ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS ETOOMANYREFS ECONNREFUSED "
        "EHOSTDOWN EHOSTUNREACH EUSERS EDQUOT ESTALE ENOLCK"
    ).split()
)


def words(number: int | None) -> str:
    """The classic words for an errno."""
    return WORDS.get(number or 0, "unknown error")


def reason(error: OSError) -> str:
    """The classic words for why a system call failed, or those of an error that is not the kernel's."""
    return words(error.errno) if error.errno is not None else str(error) or "unknown error"


def temporary(error: OSError) -> bool:
    """Whether the same call may succeed later."""
    return error.errno in TEMPORARY_ERRNOS


class Fatal(Exception):
    """A program ends: `line` goes to descriptor 2 after the program's name, `code` is its exit code.

    `Fatal("unable to x")` prints `prog: fatal: unable to x`; with kind="usage" `prog: usage: …`, with
    kind="warning" likewise (a child ends, its parent goes on); with kind="" the text stands alone,
    without the name; with an empty text nothing is printed.
    """

    def __init__(self, text: str, code: int = TEMPORARY, kind: str = "fatal") -> None:
        super().__init__(text)
        self.text, self.code, self.kind = text, code, kind

    def line(self, program: str) -> str:
        return f"{program}: {self.kind}: {self.text}" if self.kind else self.text


class unable_to:
    """`with unable_to("read control/me"):` turns an OSError into that Fatal."""

    def __init__(self, doing: str, code: int = TEMPORARY, kind: str = "fatal") -> None:
        self.doing, self.code, self.kind = doing, code, kind

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, OSError):
            raise Fatal(f"unable to {self.doing}: {reason(error)}", self.code, self.kind) from error


class failing_as:
    """`with failing_as(Fatal("unable to open x")):` raises that in place of an OSError, or of `causes`."""

    def __init__(
        self, failure: Exception, causes: "type[Exception] | tuple[type[Exception], ...]" = OSError
    ) -> None:
        self.failure, self.causes = failure, causes

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, self.causes):
            raise self.failure from error


def synopsis(manual: str | None) -> str:
    """The Synopsis of a program's docstring, on one line."""
    lines = (manual or "").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("Synopsis:"))
    taken = [lines[start].removeprefix("Synopsis:").strip()]
    for line in lines[start + 1 :]:
        if not line.startswith(" "):
            break
        taken.append(line.strip())
    return " ".join(taken)


def usage(manual: str | None, code: int = PERMANENT) -> Fatal:
    """The Fatal for wrong usage; `manual` is the program's docstring."""
    return Fatal(synopsis(manual), code, kind="usage")


def say(line: str) -> None:
    """Write one line to descriptor 2, where possible at once; a closed descriptor 2 is nobody's problem."""
    data = os.fsencode(line) + b"\n"
    try:
        while data:
            data = data[os.write(2, data) :]
    except OSError:
        pass


def warn(program: str, text: str, error: OSError | None = None) -> None:
    """`prog: warning: text[: reason]`, and the program goes on."""
    say(f"{program}: warning: {text}" + (f": {reason(error)}" if error is not None else ""))
