"""pymail - install, check and remove the mail system; its mailboxes

Synopsis:    pymail install [OPTIONS] | uninstall [--purge] | check [--dns] | user VERB |
             prove [OPTIONS] | programs | manual PROGRAM
Verbs:       install     as root: steps 3 to 10 of the installation document; as anybody else, with
                         --home DIR: a private instance in one directory, on high ports. It can be
                         repeated; files that somebody else changed stay, and the difference is shown
             install --bare    only what `make setup check` of the original makes
             install --check   verify owners, modes and programs: a line for each difference
             uninstall   remove what install made; mail, queue and logs only with --purge
             check       judge the configuration: what is wrong, why it matters and how to mend it;
                         nothing is changed. --dns also looks names up
             user        virtual mailboxes: add, list, passwd, remove
             prove       --crash: run messages through a private instance that is made for it, recorded
                         by strace; then make disks that a power loss at any moment may leave, have the
                         programs recover on each, and see that no message that was answered 250 is
                         lost, none comes in parts, none more than twice, and nothing is left over.
                         --month: let qmail-send deliver for thirty simulated days, with hosts that
                         are down, bursts and restarts. Neither touches the installed mail system
             programs    list the programs, one a line
             manual      print a program's manual
Exit codes:  0, also where check has only hints; 1 something was kept as it is, or differs, or is a
             problem, or a promise was broken; 100 wrong usage; 111 trouble
"""

import os
import sys
from typing import Any

import click

from pymail.installation import check as checking
from pymail.installation import instance, options, system
from pymail.installation import uninstall as removal
from pymail.installation.judgement.facts import PROBLEM
from pymail.installation.judgement.gathering import gather
from pymail.installation.judgement.rules import findings
from pymail.programs import PROGRAMS
from pymail.unix.dns import Lookups
from pymail.unix.home import Home
from pymail.unix.mailboxes import Mailboxes
from pysvc import __version__
from pysvc.formats import visible
from pysvc.installation.commands import reference, run_click
from pysvc.launch import leave, run
from pysvc.unix.strerr import PERMANENT, Fatal, unable_to

PORT = click.IntRange(1, 65535)
_program = ""  # the path by which this program was started


@click.group(
    commands=reference("pymail", PROGRAMS), context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="pymail")
def commands() -> None:
    """A mail system of small programs, in the tradition of qmail."""


def chosen_home(home: str | None) -> str:
    """The home asked for; else the one this program lies in; else root's default. Fatal without any."""
    if home is None:
        around = os.path.dirname(os.path.dirname(os.path.realpath(_program)))
        if os.path.isdir(f"{around}/queue") and os.path.isdir(f"{around}/control"):
            home = around
        elif os.geteuid() == 0:
            home = options.ROOT_HOME
        else:
            raise Fatal("unable to tell which home is meant: say --home DIR", PERMANENT)
    return options.checked_home(home)


@commands.command("install")
@click.option("--home", metavar="DIR", help="the mail system's directory (root: /var/qmail)")
@click.option("--bin", metavar="DIR", help="the supervision programs' directory (root: /usr/local/bin)")
@click.option("--service", metavar="DIR", help="the directory that svscan scans (root: /service)")
@click.option("--fqdn", metavar="NAME", help="this host's fully qualified name")
@click.option("--postmaster", metavar="USER", help="who gets the postmaster's mail (root: adminmails)")
@click.option("--replace-sendmail", is_flag=True, help="put ours in /usr/sbin; the old one stays as .bak")
@click.option("--no-start", is_flag=True, help="do not link the services into the scanned directory")
@click.option("--bare", is_flag=True, help="only the hierarchy and the programs")
@click.option("--check", is_flag=True, help="change nothing; say what differs")
@click.option("--listen", default="127.0.0.1", metavar="IP", help="private instance: where it listens")
@click.option("--smtp-port", default=2525, type=PORT, help="private instance: port of SMTP")
@click.option("--pop3-port", default=1110, type=PORT, help="private instance: port of POP3")
def install_command(bare: bool, check: bool, **asked: Any) -> int:
    """Install the mail system."""
    path = chosen_home(asked["home"])
    if check:
        return report_differences(path)
    as_root = os.geteuid() == 0
    if bare and not as_root:
        raise Fatal("unable to install --bare: that is for root, like make setup check", PERMANENT)
    wanted = options.Options(
        home=path,
        bin=os.path.abspath(asked["bin"] or (options.ROOT_BIN if as_root else f"{path}/bin")),
        service=os.path.abspath(asked["service"] or (options.ROOT_SERVICE if as_root else f"{path}/service")),
        fqdn="" if bare else options.checked_fqdn(asked["fqdn"]),
        postmaster=asked["postmaster"] or ("adminmails" if as_root else ""),
        replace_sendmail=asked["replace_sendmail"],
        start=not asked["no_start"],
        listen=asked["listen"],
        smtp_port=asked["smtp_port"],
        pop3_port=asked["pop3_port"],
    )
    installer = system.install_system if as_root else instance.install_instance
    if bare:
        installer = system.install_bare
    with unable_to(f"install into {path}"):
        ledger = installer(wanted, click.echo)
    return 1 if ledger.kept else 0


def report_differences(path: str) -> int:
    """Print what is not as the installation would make it; the exit code."""
    found = 0
    with unable_to(f"check {path}"):
        for line in checking.differences(path):
            click.echo(line)
            found = 1
    return found


@commands.command("check")
@click.option("--home", metavar="DIR", help="the mail system's directory (root: /var/qmail)")
@click.option("--dns", is_flag=True, help="look up the host's name and its domains too")
def check_command(home: str | None, dns: bool) -> int:
    """Judge the configuration; change nothing."""
    path = chosen_home(home)
    with unable_to(f"check {path}"):
        found = findings(gather(Home(path), Lookups() if dns else None))
    for one in found:
        for label, said in ((f"{one.severity}:", one.what), ("  why: ", one.why), ("  mend:", one.mend)):
            plain = said.replace("\n", "?").encode(errors="surrogateescape")
            click.echo(f"{label} {visible.show(plain).decode()}")
    return 1 if any(one.severity == PROBLEM for one in found) else 0


@commands.command("uninstall")
@click.option("--home", metavar="DIR", help="the mail system's directory (root: /var/qmail)")
@click.option("--purge", is_flag=True, help="remove mail, queue, logs and accounts too")
def uninstall_command(home: str | None, purge: bool) -> int:
    """Stop the mail system and remove what install made."""
    left = removal.uninstall(chosen_home(home), purge, click.echo)
    for path in left:
        click.echo(f"kept {path}: it was changed since it was made")
    return 1 if left else 0


@commands.group("user")
def user_commands() -> None:
    """Virtual mailboxes: addresses with a password and a Maildir, but without an account."""


HOME_OPTION = click.option("--home", metavar="DIR", help="the mail system's directory (root: /var/qmail)")
PASSWORD_OPTION = click.option(
    "--password-stdin", is_flag=True, help="read the password from standard input's first line"
)


def mailboxes(home: str | None) -> Mailboxes:
    return Mailboxes(Home(chosen_home(home)))


def asked_password(from_stdin: bool) -> bytes:
    """The password from standard input, or from a prompt that asks twice."""
    if from_stdin:
        return sys.stdin.buffer.readline().rstrip(b"\n")
    return os.fsencode(click.prompt("Password", hide_input=True, confirmation_prompt=True))


@user_commands.command("add")
@click.argument("address")
@HOME_OPTION
@PASSWORD_OPTION
def user_add(address: str, home: str | None, password_stdin: bool) -> int:
    """Make a mailbox; mail for ADDRESS is delivered to it from now on."""
    boxes = mailboxes(home)
    maildir = boxes.add(os.fsencode(address), asked_password(password_stdin))
    click.echo(f"made {address}: {maildir}")
    return 0


@user_commands.command("list")
@HOME_OPTION
def user_list(home: str | None) -> int:
    """List the addresses."""
    for address in mailboxes(home).addresses():
        click.echo(os.fsdecode(address))
    return 0


@user_commands.command("passwd")
@click.argument("address")
@HOME_OPTION
@PASSWORD_OPTION
def user_passwd(address: str, home: str | None, password_stdin: bool) -> int:
    """Give a mailbox another password."""
    mailboxes(home).set_password(os.fsencode(address), asked_password(password_stdin))
    click.echo(f"changed the password of {address}")
    return 0


@user_commands.command("remove")
@click.argument("address")
@HOME_OPTION
def user_remove(address: str, home: str | None) -> int:
    """Take a mailbox away; its mail is kept aside."""
    click.echo(f"removed {address}; its mail is in {mailboxes(home).remove(os.fsencode(address))}")
    return 0


@commands.command("prove")
@click.option("--crash", is_flag=True, help="power losses: make the disks they may leave, and recover")
@click.option("--month", is_flag=True, help="thirty simulated days of deliveries")
@click.option("--images", default=2000, type=click.IntRange(1), help="crash: about how many, of each model")
@click.option("--seed", default=1, type=int, help="another seed, another sample, another month")
@click.option("--model", type=click.Choice(("ext4", "posix")), help="crash: only this model of a disk")
@click.option("--keep", is_flag=True, help="keep the files; they stay anyway where a promise was broken")
@click.option("--recording", metavar="FILE", help="crash: an earlier run, instead of a new one")
@click.option("--image", metavar="RECIPE", help="crash: only this image of that recording")
@click.option("--days", default=30, type=click.IntRange(1), help="month: how many")
def prove_command(
    crash: bool, month: bool, model: str | None, image: str | None, recording: str | None, **asked: Any
) -> int:
    """Prove that no message is lost, on this machine."""
    if crash == month or (image is not None and recording is None):
        raise Fatal("unable to tell what: say --crash or --month; --image needs --recording", PERMANENT)
    if month:
        from pymail.proving import month as proof

        return proof.prove(asked["seed"], asked["days"])
    from pymail.proving import crash as crashes

    models = (model,) if model else ("ext4", "posix")
    wanted = crashes.Wanted(asked["images"], models, asked["seed"], asked["keep"], recording, image)
    return crashes.prove(wanted)


def main(argv: list[str]) -> int:
    global _program
    _program = argv[0]
    return run_click(commands, argv)


def console() -> None:
    """The entry point that pip installs."""
    leave(run("pymail", lambda: main(sys.argv)))
