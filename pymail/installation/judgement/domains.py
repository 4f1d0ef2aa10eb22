"""Rules about names: this host's own, the domains it accepts, delivers and routes"""

import re
from collections.abc import Iterator

from pymail.formats import control, smtproutes
from pymail.formats.rcpthosts import suffixes
from pymail.installation.judgement.facts import HINT, PROBLEM, Facts, Finding, text
from pysvc.formats import cdb

HIGHEST_PORT = 65535
_QUALIFIED = re.compile(rb"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")


def own_name(facts: Facts) -> Iterator[Finding]:
    me = facts.content("me")
    path = f"{facts.home}/control/me"
    if me is None:
        yield Finding(
            PROBLEM,
            "control/me does not exist",
            "it stands for the host's name nearly everywhere; without it addresses are not qualified and "
            "nothing is sent",
            f"write this host's fully qualified name into {path}",
        )
    elif not _QUALIFIED.fullmatch(control.line(me)):
        yield Finding(
            PROBLEM,
            f"control/me is `{text(control.line(me))}`, which is no fully qualified name",
            "other hosts refuse its HELO and cannot answer mail from it",
            f"write the name that DNS knows this host by, such as mail.example.org, into {path}",
        )


def nothing_local(facts: Facts) -> Iterator[Finding]:
    if "locals" not in facts.control and "me" not in facts.control:
        yield Finding(
            PROBLEM,
            "neither control/locals nor control/me exists",
            "qmail-send does not start, as nobody knows what is local",
            f"write the domains delivered on this host into {facts.home}/control/locals",
        )


def refused(facts: Facts) -> Iterator[Finding]:
    """Domains delivered here that SMTP clients cannot send to."""
    mend = f"add the domain to {facts.home}/control/rcpthosts, if mail for it is to come by SMTP"
    for file, domains in (("locals", facts.local_domains()), ("virtualdomains", virtual_domains(facts))):
        for domain in sorted(domains):
            if not facts.accepts(domain):
                whole = b"." in domain[1:] and not domain.startswith(b".")
                yield Finding(
                    PROBLEM if whole else HINT,
                    f"{text(domain)} is in control/{file}, but not in control/rcpthosts",
                    "qmail-smtpd refuses mail for it",
                    mend,
                )


def virtual_domains(facts: Facts) -> set[bytes]:
    """The domains that control/virtualdomains has entries for, but the exceptions and the one for all."""
    entries = facts.mapping("virtualdomains").items()
    return {key.rpartition(b"@")[2] for key, prefix in entries if prefix} - {b""}


def passed_on(facts: Facts) -> Iterator[Finding]:
    """Domains that are accepted but not delivered here: right for a backup MX only."""
    routes = facts.mapping("smtproutes")
    routes.pop(b"", None)  # a relay for all other hosts is no sign that this domain is meant
    accepted = control.keys((facts.content("rcpthosts") or b"") + b"\n" + _more(facts))
    here = facts.local_domains() | virtual_domains(facts)
    for domain in sorted(accepted):
        example = b"x" + domain if domain.startswith(b".") else domain
        below = domain.startswith(b".") and any(own.endswith(domain) for own in (*here, *routes))
        known = below or domain in here or facts.delivered_here(example)
        if not known and smtproutes.find(routes, example) is None:
            yield Finding(
                HINT,
                f"{text(domain)} is in control/rcpthosts, but not in locals, virtualdomains, smtproutes",
                "its mail is accepted and sent on to its MX hosts: right only for a backup MX",
                f"add it to control/locals or control/virtualdomains in {facts.home}, or remove it",
            )


def _more(facts: Facts) -> bytes:
    try:
        return b"\n".join(key for key, _ in cdb.records(facts.content("morercpthosts.cdb") or cdb.build([])))
    except cdb.Malformed:
        return b""


def local_and_virtual(facts: Facts) -> Iterator[Finding]:
    for domain in sorted(facts.local_domains() & virtual_domains(facts)):
        yield Finding(
            PROBLEM,
            f"{text(domain)} is in control/locals and in control/virtualdomains",
            "locals wins: the entry in virtualdomains has no effect",
            f"remove it from one of the two in {facts.home}/control, then: qmailctl reload",
        )


def virtual_lines(facts: Facts) -> Iterator[Finding]:
    for line in facts.entries("virtualdomains"):
        if b":" not in line:
            yield Finding(
                PROBLEM,
                f"control/virtualdomains has `{text(line)}`, without a colon",
                "the line is ignored",
                f"write domain:prepend into {facts.home}/control/virtualdomains",
            )


def route_lines(facts: Facts) -> Iterator[Finding]:
    for line in facts.entries("smtproutes"):
        domain, colon, route = line.partition(b":")
        _, port_given, port = route.partition(b":")
        mend = f"write domain:relay or domain:relay:port into {facts.home}/control/smtproutes"
        if not colon:
            yield Finding(
                PROBLEM,
                f"control/smtproutes has `{text(line)}`, without a colon",
                "the line is ignored",
                mend,
            )
        elif port_given and not (port.isdigit() and 0 < int(port[:9]) <= HIGHEST_PORT):
            yield Finding(
                PROBLEM,
                f"control/smtproutes has the port `{text(port)}` for {text(domain) or 'all other domains'}",
                "that is no port: mail that takes this route waits in the queue until it bounces",
                mend,
            )


def more_domains(facts: Facts) -> Iterator[Finding]:
    """control/morercpthosts and what was compiled from it."""
    source, compiled = facts.control.get("morercpthosts"), facts.control.get("morercpthosts.cdb")
    if source is not None and (compiled is None or compiled.mtime < source.mtime):
        yield Finding(
            PROBLEM,
            "control/morercpthosts was changed after morercpthosts.cdb was made"
            if compiled
            else "control/morercpthosts was never compiled",
            "qmail-smtpd reads only the compiled file: the change has no effect",
            f"{facts.home}/bin/qmail-newmrh",
        )
    if compiled is not None and compiled.content is not None:
        try:
            list(cdb.records(compiled.content))
        except cdb.Malformed:
            yield Finding(
                PROBLEM,
                "control/morercpthosts.cdb is damaged",
                "qmail-smtpd ends a session that needs it",
                f"{facts.home}/bin/qmail-newmrh",
            )


def own_senders_refused(facts: Facts) -> Iterator[Finding]:
    own = facts.local_domains() | virtual_domains(facts)
    for entry in facts.entries("badmailfrom"):
        domain = entry.rpartition(b"@")[2].lower()
        if b"@" not in entry:
            yield Finding(
                HINT,
                f"control/badmailfrom has `{text(entry)}`, without @",
                "it refuses only senders that are just that word",
                f"write @{text(entry)} into {facts.home}/control/badmailfrom to refuse a whole host",
            )
        elif own.intersection(suffixes(domain)):
            yield Finding(
                HINT,
                f"control/badmailfrom refuses {text(entry)}, which is this host's own",
                "your own users cannot send by SMTP with that address, nor by way of mailing lists",
                f"remove it from {facts.home}/control/badmailfrom unless that is meant",
            )


def unresolved_names(facts: Facts) -> Iterator[Finding]:
    for name, lack in facts.unresolved:
        yield Finding(
            HINT,
            f"{text(name)} has {lack} in DNS",
            "other hosts find this one, and judge it, by what DNS says",
            "add the record to the domain's zone",
        )
    if facts.dns_silent:
        yield Finding(
            HINT,
            "DNS gives no answer now",
            "names were not all looked up; qmail-remote cannot find other hosts either",
            "see that a server named in /etc/resolv.conf can be reached",
        )


RULES = (
    own_name, nothing_local, refused, passed_on, local_and_virtual, virtual_lines, route_lines,
    more_domains, own_senders_refused, unresolved_names,
)  # fmt: skip
