"""A private instance: one directory, high ports, every role played by its owner"""

import os

from pymail.installation import hierarchy, steps
from pymail.installation.options import Options
from pymail.installation.scripts import private_scripts
from pymail.unix.home import Home
from pysvc.installation import packages
from pysvc.installation.install import write_launchers
from pysvc.installation.ledger import Ledger, Report
from pysvc.programs import PROGRAMS


def install_instance(options: Options, report: Report) -> Ledger:
    """Everything in options.home, mailboxes included. Raises OSError, Fatal."""
    packages.compile_code()
    ledger = steps.open_ledger(options.home, report)
    home = Home(options.home)
    steps.make_hierarchy(home, ledger)
    steps.write_programs(home, ledger)
    write_launchers(ledger, home.file("bin"), "pysvc", PROGRAMS)
    steps.first_controls(home, options, ledger)
    maildir = home.file("alias", "Maildir")
    if not os.path.lexists(maildir):
        hierarchy.make_maildir(maildir, home.owner, home.gid("qmail"))
        report(f"made {maildir}/")
    steps.aliases(home, (options.postmaster or "./Maildir/").encode() + b"\n", ledger)
    steps.write_scripts(home, private_scripts(options), ledger)
    steps.log_directories(home, options, ledger)
    steps.connection_rules(options, ledger)
    ledger.directory(home.file("service"))
    if options.start:
        steps.start_services(home, options, ledger)
    return ledger
