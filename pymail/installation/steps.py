"""Steps that both kinds of installation take: the hierarchy, the programs, the first control files

Each can be repeated; what is there already stays.
"""

import os

from pymail.formats.hostname import domains
from pymail.installation import hierarchy
from pymail.installation.options import LEDGER, Options
from pymail.installation.scripts import SERVICES
from pymail.programs import PROGRAMS
from pymail.unix.home import Home
from pysvc.formats import cdb
from pysvc.installation.install import write_launchers
from pysvc.installation.ledger import Ledger, Report
from pysvc.unix.strerr import PERMANENT, Fatal

ROOT_ONLY = ("qmail-lspawn", "qmail-start", "qmail-newu", "checkpassword")  # mode 0700 where root installs
CONNECTION_RULES = b"""# Who may connect to the SMTP service, and who may relay through it; tcprules explains.
# After a change: qmailctl cdb
# To let this machine's own programs relay by SMTP:
# 127.:allow,RELAYCLIENT=""
"""


def open_ledger(home: str, report: Report) -> Ledger:
    """The ledger of a home, which is made if it is missing. Raises OSError; Fatal if it is another user's."""
    missing = []
    folder = home
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    owner = os.stat(folder).st_uid
    if folder == home and owner != os.geteuid():
        raise Fatal(f"unable to install into {home}: it belongs to user {owner}", PERMANENT)
    for path in reversed(missing):
        os.mkdir(path, 0o755)
    ledger = Ledger(f"{home}/{LEDGER}", report)
    for path in reversed(missing):
        ledger.record("directory", path)
        report(f"made {path}/")
    return ledger


def make_hierarchy(home: Home, ledger: Ledger) -> None:
    """The directories and special files of the home, with owners and modes. Raises OSError, Fatal."""
    directories = hierarchy.directories(hierarchy.split_of(home))
    table = [*directories, *hierarchy.special_files()]
    missing = [name for name in table if not os.path.lexists(home.file(name) if name else home.path)]
    for name in missing:
        ledger.record("directory" if name in directories else "queue file", home.file(name))
    hierarchy.make_tree(home)
    if missing:
        ledger.report(f"made {len(missing)} directories and files of the mail system in {home.path}/")


def write_programs(home: Home, ledger: Ledger) -> None:
    """The launchers of the mail programs in the home's bin. Raises OSError."""
    root_only = () if home.private else ROOT_ONLY
    write_launchers(ledger, home.file("bin"), "pymail", PROGRAMS, root_only)
    for name in PROGRAMS:
        path = home.file("bin", name)
        if path not in ledger.kept:
            hierarchy.give(home, f"bin/{name}", "root", 0o700 if name in root_only else 0o755)


def first_controls(home: Home, options: Options, ledger: Ledger) -> None:
    """The control files that a new installation needs; existing ones are the administrator's."""
    fqdn = options.fqdn.encode()
    default_domain, plus_domain = domains(fqdn)
    contents = {
        "me": fqdn, "defaultdomain": default_domain, "plusdomain": plus_domain,
        "locals": fqdn, "rcpthosts": fqdn, "defaultdelivery": b"./Maildir/", "concurrencyincoming": b"20",
    }  # fmt: skip
    for name, value in contents.items():
        path = home.file("control", name)
        if not os.path.lexists(path):
            ledger.file(path, value + b"\n")


def aliases(home: Home, to: bytes, ledger: Ledger) -> None:
    """Who gets the mail for the addresses that every host must have; existing files stay."""
    for name in ("postmaster", "mailer-daemon", "root", "abuse"):
        path = home.file("alias", f".qmail-{name}")
        if not os.path.lexists(path):
            ledger.file(path, to)


def connection_rules(options: Options, ledger: Ledger) -> None:
    """tcpserver's rules for the SMTP service: everybody may connect, nobody may relay."""
    if os.path.lexists(options.rules) or os.path.lexists(f"{options.rules}.cdb"):
        return
    ledger.file(options.rules, CONNECTION_RULES)
    ledger.file(f"{options.rules}.cdb", cdb.build([]), why="everybody may connect, nobody may relay")


def write_scripts(home: Home, scripts: dict[str, bytes], ledger: Ledger) -> None:
    """The rc script and the run scripts below supervise/. Raises OSError."""
    for name in ("supervise", *(f"supervise/{service}{log}" for service in SERVICES for log in ("", "/log"))):
        ledger.directory(home.file(name))
    for name, content in scripts.items():
        ledger.file(home.file(name), content, 0o755)


def log_directories(home: Home, options: Options, ledger: Ledger) -> None:
    """Where the loggers write, owned by them. Raises OSError."""
    owner = (home.uid("qmaill"), -1)
    for path in (options.log, *(f"{options.log}/{name}" for name in ("smtpd", "pop3d", "queued"))):
        if not os.path.isdir(path):
            ledger.directory(path, 0o755, owner)


def start_services(home: Home, options: Options, ledger: Ledger) -> None:
    """Link the services into the directory that svscan scans: it starts them within seconds."""
    ledger.directory(options.service)
    for name in SERVICES:
        ledger.link(f"{options.service}/{name}", home.file("supervise", name))
