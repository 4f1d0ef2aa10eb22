"""qmail-pw2u - turn a passwd file into users/assign

    qmail-pw2u </etc/passwd >/var/qmail/users/assign && qmail-newu

Synopsis:    qmail-pw2u [ -/ohHuUC ] [ -cchar ]
Options:     -o   leave out accounts whose home is missing or somebody else's (default)
             -h   leave out those whose home is somebody else's; a missing one is an error
             -H   do not look at homes
             -U   leave out accounts with capital letters in their names (default)
             -u   do not
             -c   the character between a name and its extensions, default -
             -C   no extensions
             -/   files of extensions are .qmail-/ext, in a directory, instead of .qmail-ext
Files:       users/include     if there is such a file, accounts that it does not list are left out
             users/exclude     accounts that are left out
             users/mailnames   account:name1:name2 ...: the names under which it gets mail
             users/subusers    sub:account:pre: ...: names that go to an account with an extension
             users/append      copied to the end
Exit codes:  0 done; 100 wrong option; 111 trouble, or there is no account alias
"""

import os

from pymail.formats import control, pw2u
from pymail.unix.home import Home
from pysvc.unix.files import read_all, read_file, write_all
from pysvc.unix.options import BadOption, options
from pysvc.unix.strerr import PERMANENT, Fatal, failing_as

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

IGNORE, REQUIRE, SKIP = "H", "h", "o"  # what to do about homes


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    rules, homes = read_options(argv)
    with failing_as(Fatal("unable to chdir")):
        os.chdir(home.path)
    with failing_as(Fatal("unable to read controls")):
        include = optional("users/include")
        rules.include = None if include is None else control.keys(include)
        rules.exclude = control.keys(optional("users/exclude") or b"")
        rules.names = control.mapping(optional("users/mailnames") or b"")
        subusers, append = (optional(f"users/{name}") or b"" for name in ("subusers", "append"))
    with failing_as(Fatal("unable to read input")):
        passwd = read_all(0)
    try:
        text = b"".join(assignments(rules, homes, passwd, subusers))
    except pw2u.Unknown as unknown:
        raise Fatal(os.fsdecode(unknown.args[0])) from None
    with failing_as(Fatal("unable to write output")):
        write_all(1, text + append + b".\n")
    return 0


def read_options(argv: list[str]) -> tuple[pw2u.Rules, str]:
    rules, homes = pw2u.Rules(), SKIP
    try:
        for letter, value in options(argv[1:], "/ohHuUCc:"):
            if letter in "ohH":
                homes = letter
            elif letter in "uU":
                rules.uppercase = letter == "u"
            elif letter == "/":
                rules.dash = b"-/"
            else:
                rules.separator = os.fsencode(value)[:1]
    except BadOption as bad:
        raise Fatal(f"{argv[0].rsplit('/', 1)[-1]}: {bad}", PERMANENT, kind="") from None
    return rules, homes


def optional(name: str) -> bytes | None:
    """What a file holds, None if there is none. Raises OSError."""
    try:
        return read_file(name)
    except FileNotFoundError:
        return None


def assignments(rules: pw2u.Rules, homes: str, passwd: bytes, subusers: bytes) -> "Iterator[bytes]":
    """The lines of users/assign but for the last ones. Raises Unknown; Fatal for a home."""
    accounts: dict[bytes, pw2u.Account] = {}
    for line in passwd.split(b"\n"):
        account = pw2u.parse(line)
        if account is not None and rules.accept(account) and owns_home(account, homes):
            accounts[account.name.lower()] = account
            yield from rules.lines(account)
    if pw2u.ALIAS not in accounts:
        raise pw2u.Unknown(b"unable to find alias user")
    for line in subusers.split(b"\n"):
        yield from rules.subuser(line, accounts)


def owns_home(account: pw2u.Account, homes: str) -> bool:
    """Whether an account may get mail, as far as its home tells."""
    if homes == IGNORE:
        return True
    with failing_as(Fatal(f"unable to stat {os.fsdecode(account.home)}")):
        try:
            return os.stat(account.home).st_uid == account.number
        except FileNotFoundError:
            if homes == REQUIRE:
                raise
            return False
