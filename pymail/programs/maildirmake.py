"""maildirmake - make a Maildir

Synopsis:    maildirmake name
Files:       name, name/tmp, name/new, name/cur   all new, and for their owner alone
Exit codes:  0 made; 100 wrong usage; 111 not made, or not all of it
"""

import os

from pysvc.unix.strerr import unable_to, usage


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        raise usage(__doc__)
    name = argv[1]
    os.umask(0o077)
    with unable_to(f"mkdir {name}"):
        os.mkdir(name, 0o700)
    with unable_to(f"chdir to {name}"):
        os.chdir(name)
    for part in ("tmp", "new", "cur"):
        with unable_to(f"mkdir {name}/{part}"):
            os.mkdir(part, 0o700)
    return 0
