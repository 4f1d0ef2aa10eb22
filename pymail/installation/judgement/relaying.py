"""Rules about who may send mail through this host to others"""

from collections.abc import Iterator

from pymail.installation.judgement.facts import HINT, PROBLEM, Facts, Finding, some, text
from pysvc.formats import cdb, tcprules

INWARD = (b"127.", b"10.", b"fe80:", b"fc", b"fd")  # first groups of addresses that are never routed


def no_rcpthosts(facts: Facts) -> Iterator[Finding]:
    if "rcpthosts" not in facts.control:
        yield Finding(
            PROBLEM,
            "control/rcpthosts does not exist: an open relay",
            "every SMTP client may send to every domain; spammers find such hosts within hours",
            f"write the domains that mail is accepted for, one a line, into {facts.home}/control/rcpthosts",
        )
        if "morercpthosts" in facts.control or "morercpthosts.cdb" in facts.control:
            yield Finding(
                PROBLEM,
                "control/morercpthosts is ignored",
                "it adds to control/rcpthosts, which does not exist",
                f"make {facts.home}/control/rcpthosts, as short as you like",
            )


def relaying_for_everybody(facts: Facts) -> Iterator[Finding]:
    rules = f"{facts.rules}.cdb"
    mend = f"name your own networks only in {facts.rules}, then: qmailctl cdb"
    file = facts.rules_compiled
    if file is None or file.content is None:
        return
    try:
        wide = sorted({key for key, data in cdb.records(file.content) if _relays(data) and _is_wide(key)})
    except cdb.Malformed:
        yield Finding(
            PROBLEM, f"{rules} is damaged", "tcpserver drops every connection", f"compile {facts.rules} again"
        )
        return
    if b"" in wide or b"=" in wide:
        yield Finding(
            PROBLEM,
            f"{rules} sets RELAYCLIENT for everybody: an open relay",
            "control/rcpthosts does not count for a client with RELAYCLIENT",
            mend,
        )
    elif wide:
        yield Finding(
            PROBLEM,
            f"{rules} sets RELAYCLIENT for very many: {some([text(key) for key in wide])}",
            "each of these hosts, most of them strangers', may send to every domain",
            mend,
        )


def _relays(data: bytes) -> bool:
    items = list(tcprules.items(data))
    return None not in items and any(item is not None and item[0] == b"RELAYCLIENT" for item in items)


def _is_wide(key: bytes) -> bool:
    """Whether a rule's address covers more than any one network: 1. and =.com, but not 10. and 192.168."""
    if b"@" in key or key.startswith(INWARD):
        return False
    if key.startswith(b"="):
        return key == b"=" or (key.startswith(b"=.") and b"." not in key[2:])
    return not key or (key[-1:] in (b".", b":") and len(key.replace(b":", b".").split(b".")) == 2)


def relaying_by_script(facts: Facts) -> Iterator[Finding]:
    lines = facts.scripts.get("qmail-smtpd", "").splitlines()
    if any("RELAYCLIENT=" in line for line in lines if not line.lstrip().startswith("#")):
        yield Finding(
            PROBLEM,
            "supervise/qmail-smtpd/run sets RELAYCLIENT for every client",
            "control/rcpthosts does not count for a client with RELAYCLIENT: an open relay",
            f"set it for your own networks only, in {facts.rules}",
        )


def percent_hack(facts: Facts) -> Iterator[Finding]:
    hacked = facts.entries("percenthack")
    if not hacked:
        return
    accepted = [text(domain) for domain in hacked if facts.accepts(domain.lower())]
    if accepted:
        yield Finding(
            PROBLEM,
            f"control/percenthack has {some(accepted)}, which SMTP clients may send to: an open relay",
            "joe%any.where@" + accepted[0] + " passes control/rcpthosts and then goes to joe@any.where",
            f"remove {facts.home}/control/percenthack",
        )
    else:
        yield Finding(
            HINT,
            f"control/percenthack allows user%host@{text(hacked[0])}",
            "with RELAYCLIENT, or once the domain is in control/rcpthosts, it sends mail on to any host",
            f"remove {facts.home}/control/percenthack unless somebody needs it",
        )


def compiled_rules(facts: Facts) -> Iterator[Finding]:
    source, compiled = facts.rules_source, facts.rules_compiled
    if facts.rules_named and compiled is None:
        yield Finding(
            PROBLEM,
            f"{facts.rules}.cdb does not exist, but supervise/qmail-smtpd/run names it",
            "tcpserver drops every connection",
            "qmailctl cdb",
        )
    elif source is not None and compiled is not None and compiled.mtime < source.mtime:
        yield Finding(
            PROBLEM,
            f"{facts.rules} was changed after {facts.rules}.cdb was made",
            "tcpserver reads only the compiled rules: the change has no effect",
            "qmailctl cdb",
        )


RULES = (no_rcpthosts, relaying_for_everybody, relaying_by_script, percent_hack, compiled_rules)
