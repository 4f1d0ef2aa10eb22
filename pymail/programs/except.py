"""except - turn a program's yes into no

For dot-qmail files: `|condredirect elsewhere except is-it-for-me` and the like.

Synopsis:    except program [ arg ... ]
Exit codes:  100 the program, which reads the message, exited 0; also wrong usage; 0 it exited otherwise,
             or cannot be run; 111 it exited 111 or crashed
"""

from pymail.delivery.children import agrees
from pysvc.unix.strerr import PERMANENT, usage


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        raise usage(__doc__)
    return PERMANENT if agrees(argv[1:]) else 0
