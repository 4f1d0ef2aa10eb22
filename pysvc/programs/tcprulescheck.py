"""tcprulescheck - show what tcpserver would do with a connection

Synopsis:    tcprulescheck rules.cdb
Environment: TCPREMOTEIP     the address asked about; 0.0.0.0 where it is not set
             TCPREMOTEHOST   the name of that address; set but empty is known, and empty
             TCPREMOTEINFO   what an IDENT server said of the peer
Exit codes:  0 whatever the answer; 100 wrong usage; 111 the rules cannot be read

Prints the rule that decides, `rule KEY:` or `default:`, then what it does. A rule that denies shows no
variables: the connection is dropped before they would be used.
"""

import os

from pysvc.formats import tcprules
from pysvc.unix import files, rules
from pysvc.unix.strerr import unable_to, usage


def main(argv: list[str]) -> int:
    if len(argv) < 2:
        raise usage(__doc__)
    env = os.environb
    ip = env.get(b"TCPREMOTEIP", b"0.0.0.0")
    with unable_to(f"read {argv[1]}"):
        rule = rules.decide(argv[1], ip, env.get(b"TCPREMOTEHOST"), env.get(b"TCPREMOTEINFO"))
    with unable_to("write output"):
        files.write_all(1, _show(rule))
    return 0


def _show(rule: tuple[bytes, bytes] | None) -> bytes:
    if rule is None:
        return b"default:\nallow connection\n"
    key, data = rule
    shown = b"rule %s:\n" % tcprules.shown(key)
    for item in tcprules.items(data):
        if item is None:
            return shown + b"deny connection\n"
        shown += b"set environment variable %s=%s\n" % item
    return shown + b"allow connection\n"
