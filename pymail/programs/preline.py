"""preline - run a program with the envelope lines before the message

For dot-qmail files: `|preline procmail`. The program reads the From line, Return-Path and Delivered-To,
then the message.

Synopsis:    preline cmd [ arg ... ]
Options:     -f -r -d   without the From line, without Return-Path, without Delivered-To
             -F -R -D   with them (default)
Environment: UFLINE, RPLINE, DTLINE   the three lines; they must be there, also if they are left out
Exit codes:  that of the program; 100 wrong usage, or the program cannot be run; 111 temporary trouble,
             or the program crashed, or did not read everything
"""

import os

from pymail.delivery.children import feed
from pysvc.unix.options import BadOption, complaint, options
from pysvc.unix.strerr import usage

LINES = {"f": b"UFLINE", "r": b"RPLINE", "d": b"DTLINE"}  # in the order in which they are put before


def main(argv: list[str]) -> int:
    command = argv[1:]
    wanted = set(LINES)
    try:
        for letter, _ in options(command, "frdFRD"):
            (wanted.add if letter.isupper() else wanted.discard)(letter.lower())
    except BadOption as bad:
        raise complaint(argv[0], bad, usage(__doc__).line("preline")) from None
    if not command or not all(name in os.environb for name in LINES.values()):
        raise usage(__doc__)
    head = b"".join(os.environb[name] for letter, name in LINES.items() if letter in wanted)
    return feed(command, head, to_the_end=True)
