"""qmail-showctl as a process: all it prints"""

import os
from pathlib import Path

import pytest

from pymail.unix.home import Home
from tests.support.world import TESTER, TESTER_GROUP, Place

EMPTY = """
badmailfrom: (Default.) Any MAIL FROM is allowed.

bouncefrom: (Default.) Bounce user name is MAILER-DAEMON.

bouncehost: (Default.) Bounce host name is bouncehost.

concurrencylocal: (Default.) Local concurrency is 10.

concurrencyremote: (Default.) Remote concurrency is 20.

databytes: (Default.) SMTP DATA limit is 0 bytes.

defaultdomain: (Default.) Default domain name is defaultdomain.

defaulthost: (Default.) Default host name is defaulthost.

doublebouncehost: (Default.) 2B recipient host: doublebouncehost.

doublebounceto: (Default.) 2B recipient user: postmaster.

envnoathost: (Default.) Presumed domain name is envnoathost.

helohost: (Default.) SMTP client HELO host name is helohost.

idhost: (Default.) Message-ID host name is idhost.

localiphost: (Default.) Local IP address becomes localiphost.

locals: (Default.) Messages for me are delivered locally.

me: (Default.) My name is undefined! Uh-oh.

percenthack: (Default.) The percent hack is not allowed.

plusdomain: (Default.) Plus domain name is plusdomain.

qmqpservers: (Default.) No QMQP servers.

queuelifetime: (Default.) Message lifetime in the queue is 604800 seconds.

rcpthosts: (Default.) SMTP clients may send messages to any recipient.

morercpthosts: (Default.) No rcpthosts; morercpthosts is irrelevant.

morercpthosts.cdb: (Default.) No effect.

smtpgreeting: (Default.) SMTP greeting: 220 smtpgreeting.

smtproutes: (Default.) No artificial SMTP routes.

timeoutconnect: (Default.) SMTP client connection timeout is 60 seconds.

timeoutremote: (Default.) SMTP client data timeout is 1200 seconds.

timeoutsmtpd: (Default.) SMTP server data timeout is 1200 seconds.

virtualdomains: (Default.) No virtual domains.

concurrencyincoming: (Default.) The SMTP service does not start without it.

defaultdelivery: (Default.) Users without a .qmail have no delivery instructions.

tcp.smtp: (Default.) No rules for SMTP connections here.

tcp.smtp.cdb: (Default.) No effect.
"""
FULL = """
badmailfrom: 
x@y.z not accepted in MAIL FROM.
@spam.org not accepted in MAIL FROM.

bouncefrom: Bounce user name is bouncer.

bouncehost: Bounce host name is b.org.

concurrencylocal: Local concurrency is 1.

concurrencyremote: Remote concurrency is 2.

databytes: SMTP DATA limit is 3 bytes.

defaultdomain: Default domain name is dd.org.

defaulthost: Default host name is dh.org.

doublebouncehost: 2B recipient host: dbh.org.

doublebounceto: 2B recipient user: dbt.

envnoathost: Presumed domain name is ena.org.

helohost: SMTP client HELO host name is helo.org.

idhost: Message-ID host name is id.org.

localiphost: Local IP address becomes lip.org.

locals: 
Messages for a.org are delivered locally.
Messages for B.org are delivered locally.

me: My name is me.org.

percenthack: 
The percent hack is allowed for user%host@p.org.

plusdomain: Plus domain name is plus.org.

qmqpservers: 
QMQP server: 1.2.3.4.

queuelifetime: Message lifetime in the queue is 5 seconds.

rcpthosts: 
SMTP clients may send messages to recipients at r.org.

morercpthosts: 
SMTP clients may send messages to recipients at m.org.

morercpthosts.cdb: Modified recently enough; hopefully up to date.

smtpgreeting: SMTP greeting: 220 greet.org hello.

smtproutes: 
SMTP route: :relay.org:26

timeoutconnect: SMTP client connection timeout is 6 seconds.

timeoutremote: SMTP client data timeout is 7 seconds.

timeoutsmtpd: SMTP server data timeout is 8 seconds.

virtualdomains: 
Virtual domain: v.org:joe

concurrencyincoming: Incoming SMTP concurrency is 20.

defaultdelivery: 
Default delivery: |preline procmail
Default delivery: ./Maildir/

tcp.smtp: 
Rule for SMTP connections: 127.:allow,RELAYCLIENT=""

tcp.smtp.cdb: Modified recently enough; hopefully up to date.
"""  # noqa: W291
CONTENTS = {
    "badmailfrom": "# comment\nx@y.z \n\n@spam.org", "bouncefrom": "bouncer\nignored\n",
    "bouncehost": "b.org",
    "concurrencylocal": "1", "concurrencyremote": "2x", "databytes": "3\n", "defaultdomain": "dd.org",
    "defaulthost": "dh.org", "doublebouncehost": "dbh.org", "doublebounceto": "dbt", "envnoathost": "ena.org",
    "helohost": "helo.org", "idhost": "id.org", "localiphost": "lip.org", "locals": "a.org\nB.org\n",
    "me": "me.org\n", "percenthack": "p.org\n", "plusdomain": "plus.org", "qmqpservers": "1.2.3.4",
    "queuelifetime": "5", "rcpthosts": "r.org", "morercpthosts": "m.org", "morercpthosts.cdb": "anything",
    "smtpgreeting": "greet.org hello", "smtproutes": ":relay.org:26\n", "timeoutconnect": "6",
    "timeoutremote": "7", "timeoutsmtpd": "8", "virtualdomains": "v.org:joe", "concurrencyincoming": "20\n",
    "defaultdelivery": "|preline procmail\n./Maildir/\n",
    "tcp.smtp": '# who may relay\n127.:allow,RELAYCLIENT=""\n', "tcp.smtp.cdb": "anything",
}  # fmt: skip
ME_STANDS_IN = (
    "bouncehost defaultdomain defaulthost doublebouncehost envnoathost helohost idhost localiphost "
    "plusdomain smtpgreeting"
)


def write(home: Home, name: str, content: str | bytes) -> None:
    Path(home.file("control", name)).write_bytes(content if isinstance(content, bytes) else content.encode())


def show(place: Place, home: Home) -> str:
    done = place.run(home.file("bin", "qmail-showctl"))
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def told(place: Place, home: Home, name: str) -> str:
    """What is printed after a file's name, to the next empty line."""
    return show(place, home).partition(f"\n\n{name}: ")[2].partition("\n\n")[0].rstrip("\n")


def head(home: Home) -> str:
    return (
        f"qmail home directory: {home.path}.\n"
        "user-ext delimiter: -.\n"
        "paternalism (in decimal): 2.\n"
        "silent concurrency limit: 120.\n"
        "subdirectory split: 23.\n"
        f"user ids: {', '.join([str(TESTER)] * 8)}.\n"
        f"group ids: {TESTER_GROUP}, {TESTER_GROUP}.\n"
    )


def test_nothing_is_configured(place: Place, home: Home) -> None:
    assert show(place, home) == head(home) + EMPTY


def test_everything_is_configured(place: Place, home: Home) -> None:
    for name, content in CONTENTS.items():
        write(home, name, content)
    assert show(place, home) == head(home) + FULL


def test_me_stands_in(place: Place, home: Home) -> None:
    write(home, "me", "me.org\n")
    expected = EMPTY.replace("(Default.) My name is undefined! Uh-oh", "My name is me.org")
    for name in ME_STANDS_IN.split():
        expected = expected.replace(f" {name}.\n", " me.org.\n")
    assert show(place, home) == head(home) + expected


def test_other_files(place: Place, home: Home) -> None:
    for name in ("dnsroots", "me.old", ".hidden"):
        write(home, name, "x\n")
    out = show(place, home)
    assert out.startswith(head(home) + EMPTY)
    listed = out.removeprefix(head(home) + EMPTY)
    order = os.listdir(home.file("control"))
    assert listed == "".join(f"\n{name}: I have no idea what this file does.\n" for name in order)
    assert len(order) == 3


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("me", "", "My name is ."),
        ("me", "  # x \t\n", "My name is   # x."),
        ("me", b"caf\xc3\xa9\x07\n", "My name is caf???."),
        ("concurrencylocal", "", "(Default.) Local concurrency is 10."),
        ("concurrencylocal", "-5", "(Default.) Local concurrency is 10."),
        ("concurrencylocal", "0", "Local concurrency is 0."),
        ("databytes", "2147483647", "SMTP DATA limit is 2147483647 bytes."),
        ("databytes", "2147483648", "SMTP DATA limit is 0 bytes."),
        ("databytes", "4294967297", "SMTP DATA limit is 1 bytes."),
        ("locals", "", ""),
        ("locals", " a.org\n#b\n", "\nMessages for  a.org are delivered locally."),
        ("locals", "a\x1b.org", "\nMessages for a?.org are delivered locally."),
        ("morercpthosts", "a.org\nb.org",
         "\nNo rcpthosts; doesn't matter that morercpthosts has a.org."
         "\nNo rcpthosts; doesn't matter that morercpthosts has b.org."),
    ],
)  # fmt: skip
def test_values(place: Place, home: Home, name: str, content: str | bytes, text: str) -> None:
    write(home, name, content)
    assert told(place, home, name) == text


def test_no_number_for_what_has_no_default(place: Place, home: Home) -> None:
    write(home, "concurrencyincoming", "many\n")
    told_of = told(place, home, "concurrencyincoming")
    assert told_of == "(Default.) The SMTP service does not start without it."


def test_more_recipient_hosts(place: Place, home: Home) -> None:
    write(home, "rcpthosts", "")
    assert told(place, home, "morercpthosts") == "(Default.) No effect."


def test_compiled_recipient_hosts(place: Place, home: Home) -> None:
    source, compiled = home.file("control", "morercpthosts"), home.file("control", "morercpthosts.cdb")
    name = "morercpthosts.cdb"
    write(home, "morercpthosts", "a.org\n")
    assert told(place, home, name) == "Oops! morercpthosts exists but morercpthosts.cdb doesn't."
    write(home, name, "")
    os.utime(source, (1000, 1000))
    os.utime(compiled, (999, 999))
    assert told(place, home, name) == "Oops! morercpthosts.cdb is older than morercpthosts."
    os.utime(compiled, (1000, 1000))
    assert told(place, home, name) == "Modified recently enough; hopefully up to date."
    os.unlink(source)
    assert told(place, home, name) == "Oops! morercpthosts.cdb exists but morercpthosts doesn't."


@pytest.mark.parametrize("name", ["badmailfrom", "bouncefrom", "databytes", "morercpthosts"])
def test_a_file_that_cannot_be_read(place: Place, home: Home, name: str) -> None:
    os.mkdir(home.file("control", name))
    assert told(place, home, name) == "Oops! Trouble reading this file."


def test_me_cannot_be_read(place: Place, home: Home) -> None:
    os.mkdir(home.file("control", "me"))
    done = place.run(home.file("bin", "qmail-showctl"))
    assert done.returncode == 111
    assert done.stdout.decode() == head(home) + "Oops! Trouble reading control/me."


def test_no_control_directory(place: Place, home: Home) -> None:
    os.rmdir(home.file("control"))
    done = place.run(home.file("bin", "qmail-showctl"))
    assert done.returncode == 111
    assert done.stdout.decode() == head(home) + "Oops! Unable to chdir to control.\n"
