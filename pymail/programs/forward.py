"""forward - forward a message to addresses

For dot-qmail files: `|forward "$DEFAULT"@other.example`. The message on descriptor 0 gets the line in
DTLINE before it, so that a loop is noticed, and goes to the addresses, which are taken as they are.

Synopsis:    forward address ...
Environment: NEWSENDER    the sender that the forwarded message gets
             DTLINE       the Delivered-To line
             QMAILQUEUE   a program that takes the message instead of the queue
Exit codes:  0 queued, and descriptor 2 tells by which process; 100 a variable is not set, or the queue
             refused for good; 111 temporary trouble
"""

from pymail.delivery.forwarding import forward, variable
from pymail.unix.home import Home


def main(argv: list[str]) -> int:
    sender = variable("NEWSENDER")
    forward("forward", Home.of(argv[0]), sender, argv[1:])
    return 0
