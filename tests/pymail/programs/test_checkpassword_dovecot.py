"""checkpassword under another server: Dovecot, whose passdb of that name knows the interface"""

import contextlib
import os
import poplib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pymail.unix import passwords
from tests.support.homes import GROUP_IDS, USER_IDS, Rooted, rooted_home
from tests.support.world import Place, World, eventually, free_port, listening, temporary_directory

DOVECOT = Path("/usr/sbin/dovecot")  # Debian's dovecot-pop3d
# It takes the user's ids before Dovecot's own checkpassword-reply runs; to that Dovecot wants consent.
CONFIGURATION = """
protocols = pop3
base_dir = /var/dovecot/run
state_dir = /var/dovecot/state
log_path = /var/dovecot/log
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
mail_location = maildir:~/Maildir
passdb {{
  driver = checkpassword
  args = /usr/bin/env INSECURE_SETUID=1 /var/qmail/bin/checkpassword
}}
userdb {{
  driver = prefetch
}}
service auth {{
  user = root
}}
service pop3-login {{
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not DOVECOT.exists(), reason="dovecot-pop3d is not installed"),
]


class Dovecot:
    """A Dovecot in the namespace of a home that belongs to root."""

    def __init__(self, rooted: Rooted) -> None:
        self.rooted, self.port = rooted, free_port()
        folder = rooted.root / "var/dovecot"
        folder.mkdir()
        (folder / "conf").write_text(CONFIGURATION.format(port=self.port))
        self.process = rooted.start("/usr/sbin/dovecot", "-F", "-c", "/var/dovecot/conf")
        eventually(lambda: listening(self.port), what="Dovecot listens")

    def stop(self) -> None:
        """It ends its own processes, which nobody else would find."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def log(self) -> str:
        return (self.rooted.root / "var/dovecot/log").read_text()

    def messages(self, user: str, password: str) -> list[bytes]:
        """The last lines of the messages of a mailbox. Raises poplib.error_proto if the log-in fails."""
        client = poplib.POP3("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(client):
            client.user(user)
            client.pass_(password)
            return [client.retr(number + 1)[1][-1] for number in range(client.stat()[0])]


def make_mailbox(folder: Path, user: str, name: str) -> None:
    for path in (folder, *(folder / "Maildir" / part for part in ("", "new", "cur", "tmp"))):
        path.mkdir(exist_ok=True)
        os.chown(path, USER_IDS[user], GROUP_IDS[user])
    (folder / "Maildir/new/1.1.x").write_bytes(b"Subject: hello\n\nto %s\n" % name.encode())
    os.chown(folder / "Maildir/new/1.1.x", USER_IDS[user], GROUP_IDS[user])


@pytest.fixture(scope="module")
def dovecot(world: World) -> Iterator[Dovecot]:
    with temporary_directory("pysvc-test-") as path:
        place = Place(world, path)
        try:
            with rooted_home(place) as rooted:
                stored = passwords.hashed(b"secret").decode()
                shadow = rooted.root / "etc/shadow"
                shadow.write_text(shadow.read_text().replace("joe:!:", f"joe:{stored}:"))
                ids = f"{USER_IDS['vmail']}:{GROUP_IDS['vmail']}"
                line = f"jane@x.test:{{SHA512-CRYPT}}{stored}:{ids}::/var/homes/vmail/jane:\n"
                (rooted.home / "users/passwd").write_text(line)
                (rooted.home / "control/me").write_text("x.test\n")
                make_mailbox(rooted.root / "var/homes/joe", "joe", "joe")
                make_mailbox(rooted.root / "var/homes/vmail/jane", "vmail", "jane")
                server = Dovecot(rooted)
                try:
                    yield server
                finally:
                    server.stop()
        finally:
            place.stop()


USERS = pytest.mark.parametrize(
    ("user", "owner"), [("joe", "joe"), ("jane@x.test", "jane"), ("jane", "jane")]
)


@USERS
def test_right(dovecot: Dovecot, user: str, owner: str) -> None:
    """An account of the system, a virtual mailbox, and the same without its domain."""
    try:
        assert dovecot.messages(user, "secret") == [b"to %s" % owner.encode()]
    except poplib.error_proto as error:
        pytest.fail(f"{error}\n{dovecot.log()}")


@USERS
@pytest.mark.parametrize("password", ["wrong", "secret2", ""])
def test_wrong(dovecot: Dovecot, user: str, owner: str, password: str) -> None:
    """In Dovecot's words for a refusal, not for trouble with the checker."""
    with pytest.raises(poplib.error_proto, match="AUTH"):
        dovecot.messages(user, password)


@pytest.mark.parametrize("user", ["nobody", "qmaild", "root", "jane@y.test", "x"])
def test_unknown(dovecot: Dovecot, user: str) -> None:
    with pytest.raises(poplib.error_proto, match="AUTH"):
        dovecot.messages(user, "secret")
