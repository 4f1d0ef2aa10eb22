"""qmail-lspawn - run the local deliveries that qmail-send asks for

Synopsis:    qmail-lspawn defaultdelivery
Files:       queue/mess       the messages
             users/cdb        assignments of local addresses to accounts
             bin/qmail-getpw  asked, as qmailp, for addresses that users/cdb does not assign
             bin/qmail-local  delivers, as the account, with no group but the account's
Exit codes:  0 no more requests; 100 wrong usage; 111 no queue

Descriptor 0 has requests, descriptor 1 gets reports. In a private instance every delivery runs as the
instance's owner.

A process that has become an account delivers to it again and again, until it has had nothing to do for two
seconds or has been asked 500 times; ps shows it as `qmail-local -- user`. Messages that come at the same time
and just go into a Maildir of the account it delivers together, up to eight. What qmail-getpw answers is
believed for a second. Where another program stands in place of qmail-local or qmail-getpw, it is run for each
delivery.
"""

import os

from pymail.delivery import spawning, together
from pymail.delivery.accounts import Accounts, Program
from pymail.engines.spawner import Slots
from pymail.formats import assign, spawnreport
from pymail.formats.assign import Assignment
from pymail.unix import users
from pymail.unix.home import Home
from pysvc import launch
from pysvc.unix import chain, descriptors, ids, title
from pysvc.unix.files import read_all
from pysvc.unix.launchers import Launcher
from pysvc.unix.strerr import PERMANENT, Fatal, temporary
from pysvc.workers.pool import Work
from pysvc.workers.worker import Channel, serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pymail.delivery.accounts import Found
    from pymail.delivery.spawning import How
    from pymail.protocols.spawn import Request

LONGEST_FIELDS = 65536  # bytes that are read from qmail-getpw


def main(argv: list[str]) -> int:
    home = Home.of(argv[0])
    spawning.enter(home)
    if len(argv) < 2:
        return PERMANENT
    slots = Slots(spawnreport.local, spawnreport.cut)
    server = spawning.Spawner(home, "qmail-lspawn", slots, lambda request: _deliver(home, argv[1], request))
    accounts = Accounts(home, server.pool)
    server.plan = Planner(home, argv[1], accounts).plan
    server.add_tick(accounts.tick)
    home.uid("qmailp"), home.gid("nofiles")  # looked up once, for all children
    for program in ("qmail-local", "qmail-getpw"):
        launch.preload(home.file("bin", program))
    launch.freeze()
    server.run()
    return 0


class Planner:
    """Gives each delivery to a worker that has become the account that the recipient belongs to.

    Where another program stands in place of qmail-local, or of qmail-getpw, _deliver runs it.
    """

    __slots__ = ("_accounts", "_default", "_home", "_local")

    def __init__(self, home: Home, default: str, accounts: Accounts) -> None:
        self._home, self._default, self._accounts = home, default, accounts
        self._local = Program(home, "qmail-local")

    def plan(self, request: "Request", go: "Callable[[How], None]") -> None:
        local = request.recipient.rpartition(b"@")[0]
        if not local:
            go(0)  # @host is the trash
        else:
            self._accounts.find(local, lambda found: go(self._how(request, local, found)))

    def _how(self, request: "Request", local: bytes, account: "Found") -> "How":
        if not isinstance(account, Assignment):
            return account
        if _is_root(self._home, account):
            return spawnreport.ROOT
        launcher = self._local.own()
        if launcher is None:
            return None
        operands = _operands(request, local, account)
        body = self._body(account, launcher)
        return Work((account.uid, account.gid), b"\0".join(operands), body, together=True)

    def _body(self, account: Assignment, launcher: Launcher) -> "Callable[[Channel], int]":
        deliverer = Deliverer(launcher, self._local.path, self._default)

        def body(channel: Channel) -> int:
            code = _become(self._home, account)
            if not code:
                return serve(channel, launcher.name, deliverer.work, deliverer.together)
            channel.answer(code)
            return 0

        return body


class Deliverer:
    """In a worker: runs qmail-local for each delivery. ps shows whose deliveries these are."""

    __slots__ = ("_default", "_launcher", "_path", "_shown")

    def __init__(self, launcher: Launcher, path: str, default: str) -> None:
        self._launcher, self._path, self._default = launcher, path, default
        self._shown = ""

    def work(self, request: bytes) -> int:
        """request: all operands but the last."""
        operands = list(map(os.fsdecode, request.split(b"\0")))
        self._show(operands[0])
        return launch.call(self._launcher, [self._path, "--", *operands, self._default])

    def together(self, request: bytes, messages: list[int]) -> bytes:
        """Do several at a time, as far as that can be; see delivery.together."""
        self._show(os.fsdecode(request.partition(b"\0")[0]))
        return together.deliver(request, messages, os.fsencode(self._default))

    def _show(self, user: str) -> None:
        if user != self._shown:
            self._shown = user
            title.set_title([self._launcher.name, "--", user])


def _operands(request: "Request", local: bytes, account: Assignment) -> tuple[bytes, ...]:
    """The operands of qmail-local but for the last."""
    domain = request.recipient.rpartition(b"@")[2]
    return account.user, account.home, local, account.dash, account.ext, domain, request.sender


def _is_root(home: Home, account: Assignment) -> bool:
    """Whether a delivery would be done as root."""
    return not account.uid or (home.private and not os.geteuid())


def _become(home: Home, account: Assignment) -> int:
    """Leave what only root may see, and be the account: 0, or the exit code that says why not."""
    try:
        os.chdir(home.path)
        if not home.private:
            ids.become(account.uid, account.gid)
    except OSError:
        return spawnreport.SYSTEM
    except Fatal:
        return spawnreport.USAGE
    return 0


def _deliver(home: Home, default: str, request: "Request") -> int:
    """In a process for one delivery: become the account that the recipient belongs to, and qmail-local."""
    local = request.recipient.rpartition(b"@")[0]
    try:
        os.chdir(home.path)
        account = users.from_database(home, local) or _from_getpw(home, local)
    except OSError:
        return spawnreport.SYSTEM
    if _is_root(home, account):
        return spawnreport.ROOT
    code = _become(home, account)
    if code:
        return code
    operands = map(os.fsdecode, _operands(request, local, account))
    try:
        chain.run([home.file("bin", "qmail-local"), "--", *operands, default])
    except OSError as error:
        return spawnreport.UNABLE_TO_RUN_NOW if temporary(error) else spawnreport.UNABLE_TO_RUN


def _from_getpw(home: Home, local: bytes) -> Assignment:
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
    descriptors.close_all_but(())
    try:
        home.become("qmailp")
    except Fatal:
        return spawnreport.USAGE
    try:
        chain.run([home.file("bin", "qmail-getpw"), os.fsdecode(local)])
    except OSError:
        return spawnreport.UNABLE_TO_RUN_GETPW
