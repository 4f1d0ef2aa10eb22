"""condredirect - forward a message if a program says so

For dot-qmail files: `|condredirect spam@other.example is-it-spam`. The program reads the message. If it
exits 0 the message goes to the new address, and the rest of the dot-qmail file is left out.

Synopsis:    condredirect newaddress program [ arg ... ]
Environment: SENDER       the sender that the forwarded message keeps
             DTLINE       the Delivered-To line, put before the message so that a loop is noticed
             QMAILQUEUE   a program that takes the message instead of the queue
Exit codes:  99 forwarded, and descriptor 2 tells by which process; 0 the program said no, by any other
             code than 0 and 111 or because it cannot be run; 100 wrong usage, a variable is not set, or
             the queue refused for good; 111 temporary trouble, or the program exited 111 or crashed
"""

import os

from pymail.delivery.children import agrees
from pymail.delivery.forwarding import forward, variable
from pymail.unix.home import Home
from pysvc.unix.strerr import unable_to, usage

SKIP_REST = 99  # to qmail-local: delivered, and go no further


def main(argv: list[str]) -> int:
    if len(argv) < 3:
        raise usage(__doc__)
    launcher = os.path.abspath(argv[0])
    if not agrees(argv[2:]):
        return 0
    with unable_to("rewind"):
        os.lseek(0, 0, os.SEEK_SET)
    forward("condredirect", Home.of(launcher), variable("SENDER"), argv[1:2])
    return SKIP_REST
