"""The installation by root: steps 3 to 10 of the document"""

import os
import pwd

from pymail.installation import accounts, hierarchy, steps
from pymail.installation.options import Options
from pymail.installation.scripts import document_scripts
from pymail.unix.home import Home
from pysvc.installation import install as tools
from pysvc.installation import packages
from pysvc.installation.ledger import Ledger, Report
from pysvc.unix.strerr import PERMANENT, Fatal

SENDMAILS = ("/usr/lib/sendmail", "/usr/sbin/sendmail")
CHECKPASSWORD = "/bin/checkpassword"
QMAILCTL = "/usr/bin/qmailctl"


def install_bare(options: Options, report: Report) -> Ledger:
    """What `make setup check` makes: hierarchy and programs. The accounts must exist.

    Raises OSError; Fatal if an account is missing or the code cannot be read by the mail users.
    """
    packages.check_access(as_root=True)
    missing = [f"{kind} {name}" for kind, name in accounts.missing()]
    if missing:
        raise Fatal(f"unable to find {', '.join(missing)}: make them first, as section 3.2 says", PERMANENT)
    packages.compile_code()
    ledger = steps.open_ledger(options.home, report)
    home = Home(options.home)
    steps.make_hierarchy(home, ledger)
    steps.write_programs(home, ledger)
    if options.classic:
        ledger.link(CHECKPASSWORD, home.file("bin", "checkpassword"))
        steps.connection_rules(options, ledger)
    return ledger


def install_system(options: Options, report: Report) -> Ledger:
    """The whole mail system. Raises OSError, Fatal."""
    packages.check_access(as_root=True)
    ledger = steps.open_ledger(options.home, report)
    for kind, name in accounts.missing():
        ledger.record(kind, name)
        accounts.make(kind, name, options.home)
        report(f"made the {'group' if kind == 'group' else 'account'} {name}")
    ledger = install_bare(options, report)
    home = Home(options.home)
    steps.first_controls(home, options, ledger)
    _postmaster(home, options, ledger)
    if options.replace_sendmail:
        _replace_sendmail(home, ledger)
    os.makedirs(options.bin, exist_ok=True)
    _install_tools(options, ledger)
    if options.classic:
        ledger.link(QMAILCTL, home.file("bin", "qmailctl"))
        ledger.link(f"{options.bin}/pymail", home.file("bin", "pymail"))
    steps.write_scripts(home, document_scripts(options), ledger)
    steps.log_directories(home, options, ledger)
    steps.connection_rules(options, ledger)
    if options.service != "/service":
        ledger.link(home.file("service"), options.service, "qmailctl finds the services by it")
    if options.start:
        steps.start_services(home, options, ledger)
    if advice := tools.how_to_start(options.bin, options.service if options.start else tools.SCAN):
        report(advice)
    return ledger


def _install_tools(options: Options, ledger: Ledger) -> None:
    """The supervision programs; the ledger remembers them if they were not there before."""
    its_own = Ledger(f"{options.bin}/{tools.LEDGER}", ledger.report)
    if not its_own.entries:
        ledger.record("tools", options.bin)
    tools.install(its_own, options.bin, as_root=True)
    ledger.kept += its_own.kept


def _postmaster(home: Home, options: Options, ledger: Ledger) -> None:
    """The account that gets the administrators' mail, its Maildir, and the aliases that lead there."""
    name = options.postmaster
    if not accounts.user_exists(name):
        ledger.record("person", name)
        accounts.make_person(name)
        ledger.report(f"made the account {name}, which gets the mail for postmaster, root and abuse")
    entry = pwd.getpwnam(name)
    if entry.pw_uid == 0:
        raise Fatal("root never receives mail: name another account with --postmaster", PERMANENT)
    maildir = f"{entry.pw_dir}/Maildir"
    if os.path.isdir(entry.pw_dir) and not os.path.lexists(maildir):
        hierarchy.make_maildir(maildir, entry.pw_uid, entry.pw_gid)
        ledger.report(f"made {maildir}/")
    steps.aliases(home, name.encode() + b"\n", ledger)


def _replace_sendmail(home: Home, ledger: Ledger) -> None:
    """Section 4.4: the old programs keep their content under .bak, without any permission."""
    ours = home.file("bin", "sendmail")
    for path in SENDMAILS:
        if os.path.islink(path) and os.readlink(path) == ours:
            continue
        if os.path.lexists(path):
            backup = f"{path}.bak"
            if os.path.lexists(backup):
                ledger.kept.append(path)
                ledger.report(f"kept {path}: {backup} exists already")
                continue
            ledger.record("moved", backup, original=path, mode=f"{os.stat(path).st_mode & 0o7777:o}")
            if not os.path.islink(path):
                os.chmod(path, 0)
            os.rename(path, backup)
            ledger.report(f"moved {path} to {backup}")
        ledger.link(path, ours)
