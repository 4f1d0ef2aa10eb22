"""The small clients: a connection as `tcpclient -RHl0` makes it, a request, and all that comes back

No tcpclient runs, but trouble is told of in its name: in the original these clients are scripts around it.
"""

from pysvc.formats import visible
from pysvc.formats.crlf import Remover
from pysvc.unix import files, outgoing, tcp
from pysvc.unix.strerr import Fatal, unable_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NEVER = float("inf")


def arguments(argv: list[str], *defaults: str) -> list[str]:
    """The arguments, with defaults for those that are missing; surplus ones are left out."""
    given = argv[1 : 1 + len(defaults)]
    return given + list(defaults[len(given) :])


def connect(host: str, port: str, request: bytes = b"") -> int:
    """A connection's descriptor, the request sent. Fatal in tcpclient's name."""
    try:
        connection = outgoing.connect(outgoing.Settings(), host, tcp.port_number(port))
    except Fatal as fatal:
        raise Fatal(fatal.text and fatal.line("tcpclient"), fatal.code, kind="") from None
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
    try:
        fd = connect(host, port, request)
    except Fatal as fatal:
        raise Fatal(fatal.text, 0, kind="") from None
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
