"""Rules about local delivery, the addresses every host must have, and what has to run"""

import stat
from collections.abc import Iterator

from pymail.engines.rewrite import LOCAL
from pymail.formats import assign, dotqmail
from pymail.installation.judgement.facts import HINT, PROBLEM, Facts, Finding, some, text
from pysvc.formats import cdb

REQUIRED = {"postmaster": PROBLEM, "mailer-daemon": HINT, "root": HINT}
NAMES = (b"maildir", b"mailbox")
CHANGED = " was changed"  # how differences end that an administrator may have meant
MEND_SERVICE = {
    "not linked": "link supervise/NAME into the directory that svscan scans, or repeat `pymail install`",
    "not supervised": "start svscan",
    "down": "qmailctl start",
}


def required_addresses(facts: Facts) -> Iterator[Finding]:
    for name, severity in REQUIRED.items():
        if not facts.takes(name.encode()):
            yield Finding(
                severity,
                f"alias/.qmail-{name} does not exist, and nobody else takes mail for {name}",
                "mail for that address bounces, and troubles stay unknown",
                f"write who gets it into {facts.home}/alias/.qmail-{name}",
            )


def writable_aliases(facts: Facts) -> Iterator[Finding]:
    names = [name for name, file in sorted(facts.aliases.items()) if file.mode & stat.S_IWOTH]
    if names:
        yield Finding(
            PROBLEM,
            f"everybody can write alias/{some(names)}",
            "anybody could run programs as alias; qmail-local therefore puts off mail for these addresses",
            f"chmod o-w {facts.home}/alias/.qmail*",
        )


def double_bounces(facts: Facts) -> Iterator[Finding]:
    if not facts.line("doublebounceto") or not facts.line("doublebouncehost"):
        return  # the form of that file has been judged
    address = (facts.line("doublebounceto") or b"") + b"@" + (facts.line("doublebouncehost") or b"")
    channel, rewritten = facts.rewriter().rewrite(address)
    mend = f"write a local address into {facts.home}/control/doublebounceto and doublebouncehost"
    if channel != LOCAL:
        yield Finding(
            HINT,
            f"double bounces go to {text(address)}, which is not on this host",
            "they are lost for good when that host refuses them",
            mend,
        )
    elif not facts.takes(rewritten.rpartition(b"@")[0]):
        yield Finding(
            PROBLEM,
            f"double bounces go to {text(address)}, which has no mailbox here",
            "mail that can neither be delivered nor returned is thrown away",
            mend,
        )


def default_delivery(facts: Facts) -> Iterator[Finding]:
    path = "control/defaultdelivery"
    if path not in facts.scripts.get("rc", ""):
        return
    content = facts.content("defaultdelivery")
    mend = f"write ./Maildir/ into {facts.home}/{path}, then restart qmail-send"
    if content is None or not content.strip():
        yield Finding(
            PROBLEM,
            f"{path} {'does not exist' if content is None else 'is empty'}",
            "rc gives it to qmail-start: mail for users without a .qmail file is lost or put off",
            mend,
        )
        return
    try:
        instructions = dotqmail.parse(content)
    except dotqmail.BlankFirstLine:
        yield Finding(PROBLEM, f"{path} begins with a blank line", "deliveries are put off", mend)
        return
    for one in instructions:
        why = _misread(one)
        if why:
            yield Finding(PROBLEM, f"{path} says `{text(one.text)}`", why, mend)


def _misread(one: dotqmail.Instruction) -> str:
    """Why an instruction does not do what it looks like; empty if it does."""
    last = one.text.rpartition(b"/")[2].strip().lower()
    if one.kind == dotqmail.MBOX and last == NAMES[0]:
        return "without the slash at its end it is an mbox file, and a Maildir cannot be written as one"
    name = one.text.strip(b"/ \t").rpartition(b"/")[2].lower()
    if one.kind == dotqmail.FORWARD and b"@" not in one.text and (name in NAMES or b"/" in one.text):
        return "a line that begins neither with . nor with / is an address that mail is forwarded to"
    return ""


def incoming_limit(facts: Facts) -> Iterator[Finding]:
    name = "control/concurrencyincoming"
    if name in facts.scripts.get("qmail-smtpd", "") and "concurrencyincoming" not in facts.control:
        yield Finding(
            PROBLEM,
            f"{name} does not exist, but supervise/qmail-smtpd/run reads it",
            "the SMTP service does not start",
            f"echo 20 > {facts.home}/{name}",
        )


def assignments(facts: Facts) -> Iterator[Finding]:
    source, compiled = facts.assign, facts.assign_compiled
    newu = f"{facts.home}/bin/qmail-newu"
    if source is None or source.content is None:
        return
    try:
        database = cdb.build(assign.records(assign.parse(source.content)))
    except assign.BadFormat:
        yield Finding(
            PROBLEM,
            "users/assign has a bad format",
            "qmail-newu refuses it: no change can take effect",
            f"end it with a line that is a dot, and give each line before that six colons; then: {newu}",
        )
        return
    if compiled is None:
        what = "users/assign was never compiled"
    elif compiled.mtime < source.mtime and compiled.content != database:  # the mailboxes' order of writing
        what = "users/assign was changed after users/cdb was made"
    else:
        return
    yield Finding(PROBLEM, what, "deliveries look only into users/cdb: the change has no effect", newu)


def trigger(facts: Facts) -> Iterator[Finding]:
    if not facts.trigger:
        yield Finding(
            PROBLEM,
            "queue/lock/trigger is no fifo",
            "qmail-send is not woken: new mail waits for up to 25 minutes",
            f"remove {facts.home}/queue/lock/trigger, repeat `pymail install`, restart qmail-send",
        )


def differing(facts: Facts) -> Iterator[Finding]:
    changed = [line for line in facts.differences if line.endswith(CHANGED)]
    wrong = [line for line in facts.differences if line not in changed]
    if wrong:
        yield Finding(
            PROBLEM,
            f"the installation is not as it was made: {some(wrong, 5)}",
            "with wrong owners, modes or programs mail stops, or others can read or change it",
            "see `pymail install --check`; repeat `pymail install`, which corrects owners and modes",
        )
    if changed:
        yield Finding(
            HINT,
            f"somebody has written here since: {some(changed, 5)}",
            "`pymail install` keeps such files as they are, also when a new version has better ones",
            "compare: `pymail install` shows the difference",
        )
    if facts.unchecked:
        yield Finding(
            HINT,
            f"owners, modes and programs were not all looked at: {facts.unchecked}",
            "some faults may be unseen",
            f"check as the owner of {facts.home}",
        )


def services(facts: Facts) -> Iterator[Finding]:
    for state, mend in MEND_SERVICE.items():
        names = [name for name, found in facts.services.items() if found == state]
        if names:
            yield Finding(HINT, f"{state}: {some(names)}", "what is no running service does nothing", mend)


RULES = (
    required_addresses, writable_aliases, double_bounces, default_delivery, incoming_limit, assignments,
    trigger, differing, services,
)  # fmt: skip
