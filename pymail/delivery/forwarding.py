"""Send the message of a delivery command on, with the Delivered-To line of the address that it came to

Source: qmail-command and forward manuals.
"""

import os

from pymail.formats.verdict import exit_code
from pymail.queue.submission import Submission
from pymail.unix.home import Home
from pysvc.unix.files import blocks
from pysvc.unix.strerr import PERMANENT, Fatal, reason, say


def variable(name: str) -> bytes:
    """A variable that qmail-local sets for commands. Fatal if it is missing."""
    value = os.environb.get(os.fsencode(name))
    if value is None:
        raise Fatal(f"{name} not set", PERMANENT)
    return value


def forward(program: str, home: Home, sender: bytes, recipients: list[str]) -> None:
    """Queue the message on descriptor 0 and tell the number of the process that did; Fatal if that fails.

    The addresses are taken as they are.
    """
    head = variable("DTLINE")
    submission = Submission(home)
    submission.write(head)
    try:
        for block in blocks(0):
            submission.write(block)
    except OSError as error:
        submission.abandon()
        raise Fatal(f"unable to read message: {reason(error)}") from None
    receipt = submission.finish(sender, map(os.fsencode, recipients))
    if receipt.text:
        raise Fatal(os.fsdecode(receipt.text[1:]), exit_code(receipt.text))
    say(f"{program}: qp {receipt.qp}")
