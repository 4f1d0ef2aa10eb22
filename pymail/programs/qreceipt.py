"""qreceipt - answer a message that asks for a receipt

For dot-qmail files: `|qreceipt joe@here.example`. If the field Notice-Requested-Upon-Delivery-To of the
message on descriptor 0 names the address, byte for byte, a notice goes to the sender. Failure notices
get none.

Synopsis:    qreceipt deliveryaddress
Environment: SENDER       whom the notice goes to
             QMAILQUEUE   a program that takes the notice instead of the queue
Exit codes:  0 done, or nothing to do; 100 wrong usage, SENDER is not set, the field cannot be parsed, or
             the queue refused for good; 111 temporary trouble
"""

import os

from pymail.formats import header, token822
from pymail.formats.address import quote_address
from pymail.formats.addresslist import BadList, rewrite_list
from pymail.formats.dotqmail import NO_BOUNCES
from pymail.formats.verdict import PERMANENT, exit_code
from pymail.unix.home import Home
from pysvc.unix.files import blocks, write_all
from pysvc.unix.strerr import Fatal, usage

WISH, ID = b"notice-requested-upon-delivery-to", b"message-id"
NOTICE = b"""From: DELIVERY NOTICE SYSTEM <%(sender)s>
To: <%(sender)s>
Subject: success notice

Hi! This is the qreceipt program. Your message was delivered to the
following address: %(target)s. Thanks for asking.
"""


def main(argv: list[str]) -> int:
    sender = os.environb.get(b"SENDER")
    if len(argv) < 2 or sender is None:
        raise usage(__doc__)
    target = os.fsencode(argv[1])
    fields = read_header()
    try:
        wanted = any([target in addresses(field) for name, field in fields if name == WISH])
    except token822.Unparsable as bad:
        write_all(2, b"qreceipt: fatal: unable to parse this: " + bad.text)
        return PERMANENT
    if wanted and sender not in NO_BOUNCES:
        ids = [field for name, field in fields if name == ID]
        send(Home.of(argv[0]), sender, notice(sender, target, ids))
    return 0


def read_header() -> list[tuple[bytes, bytes]]:
    """The fields of the message: names in lower case, and the whole fields."""
    reader = header.Reader()
    try:
        for block in blocks(0):
            if reader.feed(block) is not None:
                return reader.fields
    except OSError as error:
        raise Fatal("read error") from error
    reader.end()
    return reader.fields


def addresses(field: bytes) -> list[bytes]:
    """The addresses in a field. Raises Unparsable."""
    try:
        _, found = rewrite_list(token822.parse(field), lambda address: address)
    except (BadList, token822.Unparsable):
        raise token822.Unparsable(field) from None
    return [token822.unquote(address) for address in found]


def notice(sender: bytes, target: bytes, ids: list[bytes]) -> bytes:
    """ids: the Message-ID fields; the last one tells the sender which message it was."""
    text = NOTICE % {b"sender": quote_address(sender), b"target": target}
    return text + b"Your " + ids[-1] if ids else text


def send(home: Home, sender: bytes, text: bytes) -> None:
    from pymail.queue.submission import Submission

    submission = Submission(home)
    submission.write(text)
    code = exit_code(submission.finish(b"", [sender]).text)
    if code:
        kind = "permanent" if code == PERMANENT else "temporary"
        raise Fatal(f"{kind} qmail-queue error", code)
