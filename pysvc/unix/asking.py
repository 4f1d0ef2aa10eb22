"""The small clients: a connection as `tcpclient -RHl0` makes it, a request, and all that comes back

No tcpclient runs, but trouble is told of in its name: in the original these clients are scripts around it.
"""

from pysvc.formats import visible
from pysvc.formats.crlf import Remover
from pysvc.unix import files, outgoing, tcp
from pysvc.unix.strerr import TEMPORARY, Fatal, unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NEVER = float("inf")


def arguments(argv: list[str], *defaults: str) -> list[str]:
    """The arguments, with defaults for those that are missing; surplus ones are left out."""
    given = argv[1 : 1 + len(defaults)]
    return given + list(defaults[len(given) :])


class _tcpclient:
    """`with _tcpclient(code):` puts tcpclient's name before a Fatal and gives it another exit code."""

    def __init__(self, code: int) -> None:
        self._code = code

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, Fatal):
            raise Fatal(error.text and error.line("tcpclient"), self._code, kind="") from error


def connect(host: str, port: str, request: bytes = b"", code: int = TEMPORARY) -> int:
    """A connection's descriptor, the request sent. Fatal with that exit code if there is none."""
    with _tcpclient(code):
        connection = outgoing.connect(outgoing.Settings(), host, tcp.port_number(port))
    try:
        tcp.send_all(connection, request, NEVER)
    except OSError:
        pass  # who does not listen may still speak
    return connection.detach()


def lines(host: str, port: str, request: bytes = b"") -> "Iterator[bytes]":
    """What a server answers, block by block, its CR LF made LF.

    In the original this is the beginning of a pipeline, whose failure does not show in the exit code: a
    Fatal has 0, and a connection that breaks has ended.
    """
    fd = connect(host, port, request, code=0)
    remover = Remover()
    try:
        for block in files.blocks(fd):
            yield remover.feed(block)
    except OSError:
        pass
    yield remover.end()


def show(host: str, port: str, request: bytes = b"") -> int:
    """Print what a server answers so that a terminal can bear it; the exit code."""
    for block in lines(host, port, request):
        with unable_to("write"):
            files.write_all(1, visible.show(block))
    return 0
