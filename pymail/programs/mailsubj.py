"""mailsubj - mail standard input under a subject

Synopsis:    mailsubj subject recip ...
Environment: as for qmail-inject, which gets the message
Exit codes:  those of qmail-inject; 111 it cannot be run
"""

import os

from pymail.delivery.children import feed
from pymail.unix.home import Home


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    subject = os.fsencode(argv[1]) if len(argv) > 1 else b""
    recipients = b" ".join(os.fsencode(recipient) for recipient in argv[2:])  # qmail-inject adds the commas
    head = b"Subject: " + subject + b"\nTo: " + recipients + b"\n\n"
    return feed([home.file("bin", "qmail-inject")], head)
