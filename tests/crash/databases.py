"""Programs that replace a database: readers find the old one or the new one, whole"""

from pathlib import Path

from pysvc.formats import cdb
from tests.crash.subject import KILLED, TEMPORARY, Subject, output
from tests.support.homes import private_home
from tests.support.world import Place


class Database(Subject):
    """The program runs on a source that differs from trial to trial."""

    database = Path()
    command: tuple[str, ...] = ()

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.now = self.wanted = b""

    def source(self, word: str) -> bytes:
        """Standard input of the program, whose source from now on names the word."""
        raise NotImplementedError

    def run(self, rules: list[str]) -> str:
        word = self.token()
        stdin = self.source(word)
        old = self.database.read_bytes() if self.database.exists() else b""
        done = self.place.run(*self.traced(rules, *self.command), stdin=stdin)
        new = self.database.read_bytes()
        assert new == old or word.encode() in new, "neither the old nor the new database"
        _whole(new)
        if done.returncode in (KILLED, TEMPORARY):
            outcome = "killed" if done.returncode == KILLED else "refused"
            again = self.place.run(*self.command, stdin=stdin)
            assert again.returncode == 0, output(again)
        else:
            assert done.returncode == 0, f"exit {done.returncode}: {output(done)}"
            outcome = "done"
            assert new != old, "nothing done, but success reported"
        assert word.encode() in self.database.read_bytes(), "not the new database in the end"
        left = [path.name for path in self.database.parent.iterdir() if path.name.endswith("tmp")]
        assert not left, f"left over: {left}"
        return outcome


def _whole(database: bytes) -> None:
    reader = cdb.Reader(database)
    for key, data in cdb.records(database):
        assert reader.find(key) is not None, f"{key!r} with {data!r} is not found"


class Tcprules(Database):
    module = "tcprules"
    command = ("tcprules", "rules.cdb", "rules.tmp")

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.database = place.path / "rules.cdb"

    def source(self, word: str) -> bytes:
        return b"".join(b'10.0.%d.:allow,WORD="%s"\n' % (n, word.encode()) for n in range(200))


class QmailNewu(Database):
    module = "qmail_newu"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.home = Path(private_home(place).path)
        self.command = (str(self.home / "bin/qmail-newu"),)
        self.database = self.home / "users/cdb"

    def source(self, word: str) -> bytes:
        lines = (f"={word}{n}:joe:1:1:/home/joe:::\n" for n in range(200))
        (self.home / "users/assign").write_text("".join(lines) + ".\n")
        return b""


class QmailNewmrh(Database):
    module = "qmail_newmrh"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.home = Path(private_home(place).path)
        self.command = (str(self.home / "bin/qmail-newmrh"),)
        self.database = self.home / "control/morercpthosts.cdb"

    def source(self, word: str) -> bytes:
        (self.home / "control/morercpthosts").write_text("".join(f"{word}{n}.test\n" for n in range(200)))
        return b""
