"""sendmail - accept what programs that know sendmail ask for

Synopsis:    sendmail [ -t ] [ -fsender ] [ -Fname ] [ -bp ] [ -bs ] [ arg ... ]
Options:     -t    the header's recipients, and the arguments as well
             -f    the envelope sender, and the address in a From that has to be added
             -F    the full name in such a From; lost where -f is given
             -bp   list the queue: run qmail-qread; so does the name mailq
             -bs   speak SMTP: run qmail-smtpd, as a client that may relay unless PROTO is set
             -bm -v -i -m -x -e* -p* -B* -o* -E* -J*   ignored; a bare -e -p -B -o ignores the next word
Environment: MAILNAME, QMAILUSER, QMAILHOST   set by -F and -f for qmail-inject
Exit codes:  100 wrong usage; 111 the program cannot be run; else that of the program
"""

import os

from pymail.unix.home import Home
from pysvc.unix import chain
from pysvc.unix.options import BadOption, complaint, options
from pysvc.unix.strerr import PERMANENT, Fatal, synopsis, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

LETTERS = "vimte:f:p:o:B:F:E::J::xb:"
LOCAL_CLIENT = {
    "RELAYCLIENT": "", "DATABYTES": "0", "PROTO": "TCP", "TCPLOCALIP": "127.0.0.1",
    "TCPLOCALHOST": "localhost", "TCPREMOTEIP": "127.0.0.1", "TCPREMOTEHOST": "localhost",
    "TCPREMOTEINFO": "sendmail-bs",
}  # fmt: skip
NAMES = ("QMAILNAME", "MAILNAME", "NAME", "QMAILHOST", "MAILHOST")  # these give way to a sender


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    try:
        os.chdir(home.path)
    except OSError:
        raise Fatal("unable to switch to qmail home directory") from None
    arguments = argv[1:]
    try:
        return inject(home, argv[0], arguments)
    except BadOption as bad:
        raise complaint(argv[0], bad, f"sendmail: usage: {synopsis(__doc__)}") from bad


def inject(home: Home, argv0: str, arguments: list[str]) -> "NoReturn":
    """Obey the options in their order, then become qmail-inject unless one of them says otherwise."""
    where, sender = "-a", None
    for letter, value in options(arguments, LETTERS):
        if letter == "t":
            where = "-H"
        elif letter == "f":
            sender = value
        elif letter == "F":
            os.environ["MAILNAME"] = value
        elif letter == "b":
            change_mode(home, value)
    base = argv0.rsplit("/", 1)[-1]
    if base == "mailq":
        run(home, "qmail-qread")
    if base == "newaliases":
        raise Fatal("please use fastforward/newaliases instead", PERMANENT)
    if sender is None:
        run(home, "qmail-inject", where, "--", *arguments)
    name_sender(sender)
    run(home, "qmail-inject", where, "-f", sender, "--", *arguments)


def change_mode(home: Home, mode: str) -> None:
    """-b: the first letter decides."""
    if mode.startswith("p"):
        run(home, "qmail-qread")
    if mode.startswith("s"):
        if "PROTO" not in os.environ:
            os.environ.update(LOCAL_CLIENT)
        run(home, "qmail-smtpd")
    if not mode.startswith("m"):
        raise usage(__doc__)


def name_sender(sender: str) -> None:
    """Have a From that qmail-inject adds show the sender."""
    for name in NAMES:
        os.environ.pop(name, None)
    user, at, host = sender.rpartition("@")
    os.environ["QMAILUSER"] = user if at else sender
    if at:
        os.environ["QMAILHOST"] = host


def run(home: Home, name: str, *arguments: str) -> "NoReturn":
    try:
        chain.run([home.file("bin", name), *arguments])
    except OSError:
        raise Fatal(f"unable to run {name}") from None
