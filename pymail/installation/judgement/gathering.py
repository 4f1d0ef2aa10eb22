"""Looking at a home: the facts that its configuration is judged by. Nothing is changed"""

import errno
import os
import re
import stat
from collections.abc import Callable

from pymail.formats import control, dotqmail
from pymail.installation import check
from pymail.installation.judgement.domains import virtual_domains
from pymail.installation.judgement.facts import Facts, File, Unreadable
from pymail.installation.options import ROOT_HOME, ROOT_SERVICE
from pymail.installation.scripts import SERVICES
from pymail.queue.layout import TRIGGER
from pymail.unix import users
from pymail.unix.dns import Lookups, Temporary, Unknown
from pymail.unix.home import GROUPS, Home
from pysvc.formats import status
from pysvc.unix.files import read_file
from pysvc.unix.strerr import Fatal, reason, unable_to

LARGEST = 1 << 26  # bytes of a file that are read: root may be looking at somebody else's home
_RULES_OPTION = re.compile(r"""^[^#\n]*\s-x\s*["']?([^\s"']+)\.cdb\b""", re.MULTILINE)


def gather(home: Home, dns: Lookups | None = None) -> Facts:
    """What is known of a home; names are looked up only if dns is given.

    Fatal if its control directory cannot be read.
    """
    with unable_to(f"read {home.file('control')}"):
        names = sorted(os.listdir(home.file("control")))
    scripts = {"rc": _text(home.file("rc"))}
    scripts |= {name: _text(home.file("supervise", name, "run")) for name in SERVICES}
    rules = home.file("control", "tcp.smtp") if home.path != ROOT_HOME else "/etc/tcp.smtp"
    named = _RULES_OPTION.search(scripts["qmail-smtpd"].replace("\\\n", " "))
    if named:
        rules = named[1]
    differences, unchecked = _differences(home, rules)
    facts = Facts(
        home=home.path,
        ids=_ids(home),
        control={name: found for name in names if (found := file(home.file("control", name)))},
        rules=rules,
        rules_source=file(rules),
        rules_compiled=file(f"{rules}.cdb"),
        rules_named=named is not None,
        scripts=scripts,
        aliases=_aliases(home),
        assign=file(home.file("users", "assign")),
        assign_compiled=file(home.file("users", "cdb")),
        trigger=_is_fifo(home.file("queue", TRIGGER)),
        differences=differences,
        unchecked=unchecked,
        services={name: state for name in SERVICES if (state := _state(home, name))},
        takes=lambda local: takes(home, local),
    )
    if dns is not None:
        _look_up(facts, dns)
    return facts


def file(path: str) -> File | None:
    """A file, without content if that is not to be had; None if there is no file, or no telling."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    content = None
    if stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST:
        try:
            content = read_file(path)
        except OSError:
            pass
    return File(content, found.st_mtime_ns, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)


def _text(path: str) -> str:
    found = file(path)
    return (found.content or b"").decode(errors="replace") if found else ""


def _ids(home: Home) -> dict[str, tuple[int, int]]:
    try:
        return {role: (home.uid(role), home.gid(group)) for role, group in GROUPS.items()}
    except Fatal:
        return {}  # that accounts are missing is among the differences


def _aliases(home: Home) -> dict[str, File]:
    folder = home.file("alias")
    try:
        names = [name for name in os.listdir(folder) if name.startswith(".qmail")]
    except OSError:
        return {}
    return {name: found for name in names if (found := file(f"{folder}/{name}"))}


def _is_fifo(path: str) -> bool:
    """Also where nobody can tell."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _differences(home: Home, rules: str) -> tuple[list[str], str]:
    """Those of the installation that no rule tells of in other words, and why the search ended early."""
    judged = (
        home.file("control", ""), home.file("alias", ".qmail"), home.file("queue", TRIGGER) + " ", rules,
    )  # fmt: skip
    found: list[str] = []
    try:
        for line in check.differences(home.path):
            if line.endswith(reason(PermissionError(errno.EACCES, ""))):
                return found, line
            if not line.startswith(judged):
                found.append(line)
    except Fatal as fatal:
        return found, fatal.text
    except PermissionError as error:
        return found, f"unable to read {error.filename}: {reason(error)}"
    return found, ""


def _state(home: Home, name: str) -> str:
    """What a service does, in the words of a finding; empty if it does not exist, or nobody can tell."""
    if not os.path.isdir(home.file("supervise", name)):
        return ""
    own = home.file("service")
    folder = f"{own if os.path.isdir(own) else ROOT_SERVICE}/{name}"
    if not os.path.isdir(folder):
        return "not linked"
    try:
        os.close(os.open(f"{folder}/supervise/ok", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        pid = status.unpack(read_file(f"{folder}/supervise/status")).pid
    except (PermissionError, status.BadFormat):
        return ""
    except OSError:
        return "not supervised"
    return "up" if pid else "down"


def takes(home: Home, local: bytes) -> bool:
    """Whether a local part has a mailbox; also where nobody can tell."""
    try:
        account = users.from_database(home, local) or users.from_accounts(home, local)
    except Fatal:
        return True
    if not account.dash:
        return True
    folder = os.fsdecode(account.home)
    if not os.access(folder, os.X_OK):
        return True
    return any(
        os.path.lexists(f"{folder}/{os.fsdecode(name)}")
        for name, _ in dotqmail.names(account.dash, account.ext)
    )


def _look_up(facts: Facts, dns: Lookups) -> None:
    """Add the host's name if it has no address, and its domains that no mail can be sent to."""
    try:
        me = facts.line("me") or b""
        accepted = control.keys(facts.content("rcpthosts") or b"")
        domains = (facts.local_domains() | virtual_domains(facts) | accepted) - {me.lower()}
    except Unreadable:
        return
    try:
        if "me" in facts.control and not _resolves(dns.addresses, me):
            facts.unresolved.append((me, "no address"))
        for domain in sorted(domains):
            asked = not domain.startswith(b".")
            if asked and not any(_resolves(ask, domain) for ask in (dns.exchangers, dns.addresses)):
                facts.unresolved.append((domain, "neither an MX nor an address"))
    except Temporary:
        facts.dns_silent = True


def _resolves(ask: Callable[[bytes], object], name: bytes) -> bool:
    try:
        return bool(ask(name))
    except Unknown:
        return False
