"""qmail-lspawn - run the local deliveries that qmail-send asks for

Synopsis:    qmail-lspawn defaultdelivery
Files:       queue/mess       the messages
             users/cdb        assignments of local addresses to accounts
             bin/qmail-getpw  asked, as qmailp, for addresses that users/cdb does not assign
             bin/qmail-local  delivers, as the account, with no group but the account's
Exit codes:  0 no more requests; 100 wrong usage; 111 no queue

Descriptor 0 has requests, descriptor 1 gets reports. In a private instance every delivery runs as the
instance's owner.
"""

import mmap  # noqa: F401  for users/cdb: loaded here, not in every child
import os

from pymail.delivery import spawning
from pymail.engines.spawner import Slots
from pymail.formats import assign, spawnreport
from pymail.unix import users
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import chain, ids
from pysvc.unix.files import read_all
from pysvc.unix.strerr import PERMANENT, Fatal, temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pymail.formats.assign import Assignment
    from pymail.protocols.spawn import Request

LONGEST_FIELDS = 65536  # bytes that are read from qmail-getpw


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    spawning.enter(home)
    if len(argv) < 2:
        return PERMANENT
    slots = Slots(spawnreport.local, spawnreport.cut)
    server = spawning.Spawner(home, "qmail-lspawn", slots, lambda request: _deliver(home, argv[1], request))
    home.uid("qmailp"), home.gid("nofiles")  # looked up once, for all children
    for program in ("qmail-local", "qmail-getpw"):
        launch.preload(home.file("bin", program))
    launch.freeze()
    server.run()
    return 0


def _deliver(home: Home, default: str, request: "Request") -> int:
    """In the child: become the account that the recipient belongs to, and qmail-local."""
    local, _, domain = request.recipient.rpartition(b"@")
    if not local:
        return 0  # @host is the trash
    try:
        os.chdir(home.path)
        account = users.from_database(home, local) or _from_getpw(home, local)
    except OSError:
        return spawnreport.SYSTEM
    if not account.uid or (home.private and not os.geteuid()):
        return spawnreport.ROOT
    try:
        if not home.private:
            ids.become(account.uid, account.gid)
    except Fatal:
        return spawnreport.USAGE
    operands = (account.user, account.home, local, account.dash, account.ext, domain, request.sender)
    try:
        chain.run([home.file("bin", "qmail-local"), "--", *map(os.fsdecode, operands), default])
    except OSError as error:
        return spawnreport.UNABLE_TO_RUN_NOW if temporary(error) else spawnreport.UNABLE_TO_RUN


def _from_getpw(home: Home, local: bytes) -> "Assignment":
    """The account that qmail-getpw, which runs without privileges, names.

    Silent Fatal with the exit code if it names none; raises OSError.
    """
    output, writer = os.pipe()
    pid = launch.fork("qmail-getpw", lambda: _become_getpw(home, local, writer))
    os.close(writer)
    fields = read_all(output, LONGEST_FIELDS)
    os.close(output)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise Fatal("", spawnreport.SYSTEM if code < 0 else code)
    try:
        return assign.unpack(fields)
    except assign.BadFormat:
        raise Fatal("", spawnreport.USAGE) from None


def _become_getpw(home: Home, local: bytes, writer: int) -> int:
    """In a child of the child: nothing of the message or of the spawner stays open."""
    null = os.open("/dev/null", os.O_RDWR)
    for fd, source in enumerate((null, writer, null)):
        os.dup2(source, fd)
    os.closerange(3, spawning.HIGHEST)
    try:
        home.become("qmailp")
    except Fatal:
        return spawnreport.USAGE
    try:
        chain.run([home.file("bin", "qmail-getpw"), os.fsdecode(local)])
    except OSError:
        return spawnreport.UNABLE_TO_RUN_GETPW
