"""`pymail check`: each rule on values"""

import pytest

from pymail.installation.judgement.facts import HINT, PROBLEM, Facts, File, Finding
from pymail.installation.judgement.rules import findings
from pysvc.formats import cdb, tcprules

SOUND = {
    "me": b"mail.example.test\n",
    "locals": b"mail.example.test\nexample.test\n",
    "rcpthosts": b"mail.example.test\nexample.test\n",
    "defaultdelivery": b"./Maildir/\n",
}
RC = 'qmail-start "`cat /var/qmail/control/defaultdelivery`"'
IDS = {"qmaild": (11, 21), "qmails": (12, 22), "qmailr": (13, 22)}


def facts(controls: "dict[str, bytes | None] | None" = None, **more: object) -> Facts:
    """A sound home, but for some control files (None: there is none) and other facts."""
    contents = {**SOUND, **(controls or {})}
    found = Facts(
        control={name: File(content) for name, content in contents.items() if content is not None},
        scripts={"rc": RC},
        ids=IDS,
    )
    for name, value in more.items():
        assert hasattr(found, name)
        setattr(found, name, value)
    return found


def whats(judged: Facts) -> list[tuple[str, str]]:
    return [(one.severity, one.what) for one in findings(judged)]


def rules(text: bytes) -> File:
    records = [record for line in text.splitlines() for record in tcprules.records(line)]
    return File(cdb.build(records))


def compiled(*names: bytes) -> bytes:
    return cdb.build([(name, b"") for name in names])


def test_sound() -> None:
    assert findings(facts()) == []
    assert findings(facts({"locals": None, "rcpthosts": b"MAIL.example.test\n"})) == []


@pytest.mark.parametrize(
    ("controls", "severity", "what"),
    [
        ({"me": None}, PROBLEM, "control/me does not exist"),
        ({"me": b"mail\n"}, PROBLEM, "control/me is `mail`, which is no fully qualified name"),
        ({"me": b"\n"}, PROBLEM, "control/me is ``, which is no fully qualified name"),
        ({"me": None, "locals": None}, PROBLEM, "neither control/locals nor control/me exists"),
        ({"rcpthosts": None}, PROBLEM, "control/rcpthosts does not exist: an open relay"),
        ({"rcpthosts": None, "morercpthosts": b""}, PROBLEM, "control/morercpthosts is ignored"),
        (
            {"rcpthosts": b"mail.example.test\n"},
            PROBLEM,
            "example.test is in control/locals, but not in control/rcpthosts",
        ),
        (
            {"locals": b"mail.example.test\nexample.test\nlocalhost\n"},
            HINT,
            "localhost is in control/locals, but not in control/rcpthosts",
        ),
        (
            {"virtualdomains": b"v.test:joe\n"},
            PROBLEM,
            "v.test is in control/virtualdomains, but not in control/rcpthosts",
        ),
        (
            {"virtualdomains": b"joe@u.test:joe\n"},
            PROBLEM,
            "u.test is in control/virtualdomains, but not in control/rcpthosts",
        ),
        (
            {"rcpthosts": SOUND["rcpthosts"] + b"other.test\n"},
            HINT,
            "other.test is in control/rcpthosts, but not in locals, virtualdomains, smtproutes",
        ),
        (
            {"rcpthosts": SOUND["rcpthosts"] + b"other.test\n", "smtproutes": b":relay.test\n"},
            HINT,
            "other.test is in control/rcpthosts, but not in locals, virtualdomains, smtproutes",
        ),
        (
            {"virtualdomains": b"Example.test:joe\n"},
            PROBLEM,
            "example.test is in control/locals and in control/virtualdomains",
        ),
        ({"virtualdomains": b"v.test\n"}, PROBLEM, "control/virtualdomains has `v.test`, without a colon"),
        ({"morercpthosts": b"more.test\n"}, PROBLEM, "control/morercpthosts was never compiled"),
        ({"morercpthosts.cdb": b"x"}, PROBLEM, "control/morercpthosts.cdb is damaged"),
        (
            {"smtproutes": b"a.test relay\n"},
            PROBLEM,
            "control/smtproutes has `a.test relay`, without a colon",
        ),
        ({"smtproutes": b"a.test:r:\n"}, PROBLEM, "control/smtproutes has the port `` for a.test"),
        (
            {"smtproutes": b":r:smtp\n"},
            PROBLEM,
            "control/smtproutes has the port `smtp` for all other domains",
        ),
        ({"smtproutes": b"a.test:r:65536\n"}, PROBLEM, "control/smtproutes has the port `65536` for a.test"),
        ({"badmailfrom": b"@EXAMPLE.test\n"}, HINT, "control/badmailfrom refuses @EXAMPLE.test, which is"),
        (
            {"badmailfrom": b"joe@a.v.test\n", "virtualdomains": b".v.test:joe\n"},
            HINT,
            "control/badmailfrom refuses joe@a.v.test, which is",
        ),
        ({"badmailfrom": b"spam.test\n"}, HINT, "control/badmailfrom has `spam.test`, without @"),
        ({"defaulthost": b"\n"}, PROBLEM, "control/defaulthost has an empty first line"),
        ({"doublebounceto": b""}, PROBLEM, "control/doublebounceto has an empty first line"),
        ({"smtpgreeting": b"# hello\n"}, PROBLEM, "control/smtpgreeting begins with `#`"),
        ({"helohost": b"mail.example.test\r\n"}, PROBLEM, "control/helohost has lines that end with CR LF"),
        ({"badmailfrom": b"@a.test\r\n"}, PROBLEM, "control/badmailfrom has lines that end with CR LF"),
        (
            {"badmailfrom": b"@a.test\n  @b.test\n"},
            PROBLEM,
            "control/badmailfrom has blanks before `@b.test`",
        ),
        (
            {"databytes": b"many\n"},
            PROBLEM,
            "control/databytes says `many`, which does not begin with a digit",
        ),
        ({"databytes": b""}, PROBLEM, "control/databytes says ``, which does not begin with a digit"),
        ({"databytes": b"10M\n"}, PROBLEM, "control/databytes says `10M`, which means 10"),
        ({"databytes": b"10\n"}, HINT, "control/databytes is 10"),
        ({"concurrencylocal": b"0\n"}, PROBLEM, "control/concurrencylocal is 0"),
        ({"concurrencyremote": b"500\n"}, HINT, "control/concurrencyremote is 500"),
        ({"concurrencyincoming": b"0\n"}, PROBLEM, "control/concurrencyincoming is 0"),
        ({"queuelifetime": b"60\n"}, PROBLEM, "control/queuelifetime is 60"),
        ({"queuelifetime": b"7200\n"}, HINT, "control/queuelifetime is 7200"),
        ({"timeoutsmtpd": b"0\n"}, PROBLEM, "control/timeoutsmtpd is 0"),
        (
            {"percenthack": b"example.test\n"},
            PROBLEM,
            "control/percenthack has example.test, which SMTP clients",
        ),
        ({"percenthack": b"hack.test\n"}, HINT, "control/percenthack allows user%host@hack.test"),
        ({"rcpthost": b"example.test\n"}, HINT, "control/rcpthost is no control file"),
        ({"doublebouncehost": b"far.test\n"}, HINT, "double bounces go to postmaster@far.test, which is not"),
        ({"defaultdelivery": None}, PROBLEM, "control/defaultdelivery does not exist"),
        ({"defaultdelivery": b"\n"}, PROBLEM, "control/defaultdelivery is empty"),
        ({"defaultdelivery": b"\n./Maildir/\n"}, PROBLEM, "control/defaultdelivery begins with a blank line"),
        ({"defaultdelivery": b"./Maildir\n"}, PROBLEM, "control/defaultdelivery says `./Maildir`"),
        ({"defaultdelivery": b"Maildir/\n"}, PROBLEM, "control/defaultdelivery says `Maildir/`"),
    ],
)
def test_control_files(controls: "dict[str, bytes | None]", severity: str, what: str) -> None:
    found = whats(facts(controls))
    assert [one for one in found if one[0] == severity and one[1].startswith(what)], found


@pytest.mark.parametrize(
    "controls",
    [
        {"rcpthosts": b".example.test\nexample.test\n"},
        {"rcpthosts": b"mail.example.test\n", "morercpthosts.cdb": compiled(b"example.test")},
        {"virtualdomains": b"v.test:\n:alias-out\n"},
        {"virtualdomains": b"v.test:joe\n", "rcpthosts": SOUND["rcpthosts"] + b"v.test\n"},
        {"virtualdomains": b".v.test:joe\n", "rcpthosts": SOUND["rcpthosts"] + b".v.test\n"},
        {"smtproutes": b"b.test:in.test:26\n", "rcpthosts": SOUND["rcpthosts"] + b"b.test\n"},
        {"smtproutes": b"b.test:\n:relay.test\nc.test:relay.test:65535\n"},
        {"badmailfrom": b"@spam.test\njoe@spam.test\n", "virtualdomains": b":alias-out\n"},
        {"databytes": b"0\n", "concurrencylocal": b"120\n", "concurrencyincoming": b"500\n"},
        {"defaultdelivery": b"./Mailbox\n"},
        {"defaultdelivery": b"|procmail\n# Maildir\njoe@example.test\n"},
    ],
)
def test_control_files_that_are_well(controls: "dict[str, bytes | None]") -> None:
    assert whats(facts(controls)) == []


RELAYING = b':allow,RELAYCLIENT=""'


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (RELAYING, "for everybody: an open relay"),
        (b"=" + RELAYING, "for everybody: an open relay"),
        (b"1." + RELAYING, "for very many: 1."),
        (b"172." + RELAYING, "for very many: 172."),
        (b"1-255." + RELAYING, "for very many: 1., 100., 101., 102., 103., 104., 105., 106. and 2"),
        (b"2001:" + RELAYING, "for very many: 2001:"),
        (b"=.com" + RELAYING, "for very many: =.com"),
    ],
)
def test_relaying_for_too_many(source: bytes, what: str) -> None:
    found = whats(facts(rules_compiled=rules(source)))
    assert len(found) == 1
    assert found[0][0] == PROBLEM and f"/etc/tcp.smtp.cdb sets RELAYCLIENT {what}" in found[0][1]


@pytest.mark.parametrize(
    "source",
    [b"", b":allow", b':deny,RELAYCLIENT=""', b':allow,X="RELAYCLIENT"', b"127." + RELAYING,
     b"10." + RELAYING, b"192.168." + RELAYING, b"1.2.3.4" + RELAYING, b"=.example.com" + RELAYING,
     b"::1" + RELAYING, b"fe80:" + RELAYING, b"joe@1.2.3.4" + RELAYING],
)  # fmt: skip
def test_relaying_for_some(source: bytes) -> None:
    assert whats(facts(rules_compiled=rules(source))) == []


OLD, NEW, NOBODY = File(b"", 1), File(b"", 2), File(b".\n", 2)
NO_RULES, NO_RULES_OLD = File(cdb.build([]), 2), File(cdb.build([]), 1)


@pytest.mark.parametrize(
    ("more", "severity", "what"),
    [
        ({"rules_named": True}, PROBLEM, "/etc/tcp.smtp.cdb does not exist, but supervise/qmail-smtpd/run"),
        ({"rules_source": NEW, "rules_compiled": NO_RULES_OLD}, PROBLEM, "/etc/tcp.smtp was changed after"),
        ({"rules_compiled": File(b"no database")}, PROBLEM, "/etc/tcp.smtp.cdb is damaged"),
        ({"assign": File(b"=joe\n")}, PROBLEM, "users/assign has a bad format"),
        ({"assign": NOBODY}, PROBLEM, "users/assign was never compiled"),
        ({"assign": NOBODY, "assign_compiled": OLD}, PROBLEM, "users/assign was changed after"),
        ({"trigger": False}, PROBLEM, "queue/lock/trigger is no fifo"),
        ({"differences": ["/q has wrong owner"]}, PROBLEM, "the installation is not as it was made: /q has"),
        ({"differences": ["/q was changed"]}, HINT, "somebody has written here since: /q was changed"),
        ({"dns_silent": True}, HINT, "DNS gives no answer now"),
        ({"unchecked": "no"}, HINT, "owners, modes and programs were not all looked at: no"),
        ({"services": {"qmail-send": "down"}}, HINT, "down: qmail-send"),
        ({"aliases": {".qmail-joe": File(b"", mode=0o646)}}, PROBLEM, "everybody can write alias/.qmail-joe"),
        ({"unresolved": [(b"a.test", "no address")]}, HINT, "a.test has no address in DNS"),
        ({"scripts": {"qmail-smtpd": 'RELAYCLIENT="" tcpserver'}}, PROBLEM, "supervise/qmail-smtpd/run sets"),
        ({"scripts": {"qmail-smtpd": "cat /q/control/concurrencyincoming"}}, PROBLEM,
         "control/concurrencyincoming does not exist, but"),
    ],
)  # fmt: skip
def test_other_facts(more: dict[str, object], severity: str, what: str) -> None:
    (found,) = whats(facts(None, **more))
    assert found[0] == severity and found[1].startswith(what)


def test_other_facts_that_are_well() -> None:
    assert whats(facts(rules_source=OLD, rules_compiled=NO_RULES, rules_named=True)) == []
    assert whats(facts(assign=NOBODY, assign_compiled=NEW, services={"qmail-send": "up"})) == []
    same = File(cdb.build([(b"", b"")]), 1)  # older, but what qmail-newu would make
    assert whats(facts(assign=NOBODY, assign_compiled=same)) == []


def test_addresses_without_a_mailbox() -> None:
    found = whats(facts(takes=lambda local: False))
    assert [severity for severity, _ in found] == [PROBLEM, PROBLEM, HINT, HINT]
    assert found[1] == (
        PROBLEM,
        "double bounces go to postmaster@mail.example.test, which has no mailbox here",
    )


def test_compiled_domains_that_are_old() -> None:
    judged = facts()
    judged.control["morercpthosts"] = File(b"", 2)
    judged.control["morercpthosts.cdb"] = File(cdb.build([]), 1)
    assert whats(judged) == [(PROBLEM, "control/morercpthosts was changed after morercpthosts.cdb was made")]


@pytest.mark.parametrize(
    ("name", "file", "readers"),
    [
        ("rcpthosts", File(b"", mode=0o600), "qmail-smtpd, qmail-qmtpd"),
        ("locals", File(b"", mode=0o640, gid=21), "qmail-send"),
        ("idhost", File(b"x", mode=0o640), "qmail-inject"),
    ],
)
def test_unreadable(name: str, file: File, readers: str) -> None:
    judged = facts()
    judged.control[name] = file
    assert (PROBLEM, f"control/{name} cannot be read by {readers}") in whats(judged)


def test_readable_by_its_readers() -> None:
    judged = facts()
    judged.control["locals"] = File(SOUND["locals"], mode=0o640, gid=22)
    judged.control["rcpthosts"] = File(SOUND["rcpthosts"], mode=0o400, uid=11)
    assert whats(judged) == []


def test_what_could_not_be_read_is_not_judged() -> None:
    judged = facts()
    judged.control["rcpthosts"] = File(None)
    assert whats(judged) == [(HINT, "control/rcpthosts could not be read")]


def test_spelling() -> None:
    (found,) = findings(facts({"rcpthost": b""}))
    assert found.mend == "rename it to rcpthosts if that is meant"
    (found,) = findings(facts({"zzz": b""}))
    assert found == Finding(
        HINT, "control/zzz is no control file", "no program reads it", "move it elsewhere"
    )
