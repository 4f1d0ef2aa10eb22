"""The lines of qmail-send's activity record

Log analysers read them: every byte is interface. Functions return whole lines; file names stand in
them as they are, what strangers chose is sanitised. Source: qmail-log manual.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_SAFE = bytes(
    ord("/") if byte == ord("\n") else byte if 33 <= byte <= 126 and byte != ord("%") else ord("_")
    for byte in range(256)
)
CHANNEL_NAMES = (b"local", b"remote")
EXITING = b"status: exiting\n"


def sanitise(text: bytes) -> bytes:
    """Text that a stranger chose: one word of printable ASCII, line ends as `/`."""
    return text.translate(_SAFE)


def status(used: "Sequence[tuple[int, int]]", exit_requested: bool) -> bytes:
    """used: (deliveries under way, how many there may be) for each channel."""
    channels = b"".join(b" %s %d/%d" % (name, *pair) for name, pair in zip(CHANNEL_NAMES, used, strict=True))
    return b"status:" + channels + (b" exitasap\n" if exit_requested else b"\n")


def new_message(number: int) -> bytes:
    return b"new msg %d\n" % number


def message_info(number: int, size: int, sender: bytes, qp: int, uid: int) -> bytes:
    """size: of the mess file in bytes. qp: the pid of its qmail-queue. uid: who invoked that."""
    return b"info msg %d: bytes %d from <%s> qp %d uid %d\n" % (number, size, sanitise(sender), qp, uid)


def starting(delivery: int, number: int, channel: int, recipient: bytes) -> bytes:
    name = CHANNEL_NAMES[channel]
    return b"starting delivery %d: msg %d to %s %s\n" % (delivery, number, name, sanitise(recipient))


def report(delivery: int, kind: str, text: bytes) -> bytes:
    """kind: success, failure or deferral."""
    return b"delivery %d: %s: %s\n" % (delivery, kind.encode(), sanitise(text))


def mangled(delivery: int) -> bytes:
    return b"delivery %d: report mangled, will defer\n" % delivery


def bounced(number: int, qp: int) -> bytes:
    """qp: the pid of the qmail-queue that took the bounce."""
    return b"bounce msg %d qp %d\n" % (number, qp)


def triple_bounce(path: str) -> bytes:
    return b"triple bounce: discarding %s\n" % path.encode()


def end_message(number: int) -> bytes:
    return b"end msg %d\n" % number


def warning(text: str) -> bytes:
    """Something went wrong and will be made good, or the text says what it costs."""
    return b"warning: " + text.encode() + b"\n"


def alert(text: str) -> bytes:
    """Somebody has to look at this."""
    return b"alert: " + text.encode() + b"\n"
