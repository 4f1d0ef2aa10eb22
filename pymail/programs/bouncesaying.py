"""bouncesaying - bounce a message, if a program says so, with a text

For dot-qmail files: `|bouncesaying "No such list here."`. The program, if there is one, reads the
message; an exit code of 0 says that the message bounces.

Synopsis:    bouncesaying error [ program [ arg ... ] ]
Exit codes:  100 bounce, after the text on descriptor 2, and wrong usage; 0 the program said no, by any
             other code than 0 and 111 or because it cannot be run; 111 it exited 111 or crashed
"""

from pymail.delivery.children import agrees
from pysvc.unix.strerr import PERMANENT, say, usage


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        raise usage(__doc__)
    if len(argv) > 2 and not agrees(argv[2:]):
        return 0
    say(argv[1])
    return PERMANENT
