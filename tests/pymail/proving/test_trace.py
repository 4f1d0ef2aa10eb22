"""What strace says becomes operations and moments"""

import re

import pytest

from pymail.proving.disk import Names, Sync, Truncate, Write
from pymail.proving.trace import ACCEPTED, ANSWERED, Moment, Reader, Step, Untraceable

WATCHED = ["q", "q/pid", "q/mess"]
Q, PID, MESS = 1, 2, 3
FIRST = 4  # the node of the first file


def hexed(line: str) -> str:
    """A line as strace -xx writes it, from one with plain strings in "" and paths in <>."""

    def hexed_text(found: "re.Match[str]") -> str:
        text = found[2].encode().decode("unicode_escape").encode("latin-1")
        return found[1] + "".join(f"\\x{byte:02x}" for byte in text) + found[3]

    line = re.sub(r'(")([^"]*)(")', hexed_text, line)
    return re.sub(
        r"(<)([/a-z][^<>]*)(>)", lambda found: found[0] if "..." in found[2] else hexed_text(found), line
    )


def reader(*lines: str) -> Reader:
    found = Reader("/home", WATCHED, "/home/marks", "/home/q")
    found.read([hexed(line) for line in lines])
    return found


def steps(*lines: str) -> list[Step]:
    return reader(*lines).steps


def created(name: str = "1.2.3", pid: int = 7, fd: int = 3) -> str:
    call = f'openat(AT_FDCWD</home/q>, "pid/{name}", O_WRONLY|O_CREAT|O_EXCL, 0644)'
    return f"{pid}  {call} = {fd}</home/q/pid/{name}>"


def test_a_file_is_made_named_synced_and_removed() -> None:
    assert steps(
        created(),
        '7  link("pid/1.2.3", "mess/5") = 0',
        '7  unlink("pid/1.2.3") = 0',
        '7  write(3</home/q/pid/1.2.3>(deleted), "a\\x00b", 3) = 3',
        '7  write(3</home/q/pid/1.2.3>(deleted), "cd", 2) = 1',
        "7  fsync(3</home/q/pid/1.2.3>(deleted)) = 0",
        '7  openat(AT_FDCWD</home/q>, "mess", O_RDONLY|O_CLOEXEC) = 4</home/q/mess>',
        "7  fsync(4</home/q/mess>) = 0",
    ) == [
        Names(((PID, "1.2.3", FIRST),)),
        Names(((MESS, "5", FIRST),)),
        Names(((PID, "1.2.3", None),)),
        Write(FIRST, 0, b"a\0b"),
        Write(FIRST, 3, b"c"),
        Sync(FIRST, 5),
        Sync(MESS, 6),
    ]  # fmt: skip


def test_a_sync_covers_what_was_done_before_it_was_called() -> None:
    found = steps(
        created(),
        "7  fsync(3</home/q/pid/1.2.3> <unfinished ...>",
        created("x", pid=8),
        "7  <... fsync resumed>) = 0",
    )
    assert found[-1] == Sync(FIRST, 1)
    assert len(found) == 3


def test_append_offset_place_and_size() -> None:
    found = steps(
        '7  openat(AT_FDCWD</home/q>, "mess/1", O_WRONLY|O_CREAT|O_APPEND, 0600) = 3</home/q/mess/1>',
        '7  write(3</home/q/mess/1>, "one", 3) = 3',
        '7  openat(AT_FDCWD</home/q>, "mess/1", O_WRONLY|O_APPEND) = 4</home/q/mess/1>',
        '7  write(4</home/q/mess/1>, "two", 3) = 3',
        '7  openat(AT_FDCWD</home/q>, "mess/1", O_WRONLY) = 5</home/q/mess/1>',
        '7  pwrite64(5</home/q/mess/1>, "D", 1, 2) = 1',
        "7  lseek(5</home/q/mess/1>, 4, SEEK_SET) = 4",
        '7  write(5</home/q/mess/1>, "E", 1) = 1',
        "7  ftruncate(5</home/q/mess/1>, 0) = 0",
        '7  writev(4</home/q/mess/1>, [{iov_base="a", iov_len=1}, {iov_base="bc", iov_len=2}], 2) = 3',
    )
    assert found[1:] == [
        Write(FIRST, 0, b"one"), Write(FIRST, 3, b"two"), Write(FIRST, 2, b"D"), Write(FIRST, 4, b"E"),
        Truncate(FIRST, 0), Write(FIRST, 0, b"abc"),
    ]  # fmt: skip


def test_a_rename_is_one_operation() -> None:
    found = steps(created(), '7  rename("pid/1.2.3", "mess/9") = 0')
    assert found[1] == Names(((MESS, "9", FIRST), (PID, "1.2.3", None)))


def test_what_failed_or_happened_elsewhere_counts_for_nothing() -> None:
    assert not steps(
        '7  unlink("pid/1.2.3") = -1 ENOENT (No such file or directory)',
        '7  openat(AT_FDCWD</home/q>, "/tmp/x", O_WRONLY|O_CREAT, 0600) = 3</tmp/x>',
        '7  write(3</tmp/x>, "data", 4) = 4',
        "7  fsync(3</tmp/x>) = 0",
        "7  +++ exited with 0 +++",
    )


def test_a_child_that_speaks_before_its_parent_has_returned() -> None:
    """It has the descriptors of its parent, and its own current directory from then on."""
    found = steps(
        created(),
        '7  write(3</home/q/pid/1.2.3>, "one", 3) = 3',
        "7  clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>",
        '8  chdir("/home/q/pid") = 0',
        '8  write(3</home/q/pid/1.2.3>, "two", 3) = 3',
        '8  unlink("1.2.3") = 0',
        "7  <... clone resumed>, child_tidptr=0x7f) = 8",
        '7  unlink("pid/1.2.3") = -1 ENOENT (No such file or directory)',
        created("y"),
    )
    assert found[1:3] == [Write(FIRST, 0, b"one"), Write(FIRST, 3, b"two")]
    assert found[3:] == [Names(((PID, "1.2.3", None),)), Names(((PID, "y", FIRST + 1),))]


def test_threads_share_their_directory() -> None:
    found = steps(
        "7  clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 8",
        '8  chdir("/home/q/pid") = 0',
        created("x").replace('pid/x"', 'x"').replace("AT_FDCWD</home/q>", "AT_FDCWD</home/q/pid>"),
        '7  unlink("x") = 0',
    )
    assert found[-1] == Names(((PID, "x", None),))


def test_a_number_that_another_thread_gets_before_close_returns() -> None:
    found = steps(
        created(),
        "7  clone3({flags=CLONE_VM|CLONE_THREAD}, 88) = 8",
        "7  close(3</home/q/pid/1.2.3> <unfinished ...>",
        created("y", pid=8),
        "7  <... close resumed>) = 0",
        "8  fsync(3</home/q/pid/y>) = 0",
    )
    assert found[-1] == Sync(FIRST + 1, 2)


def test_a_number_that_was_a_file_and_is_a_pipe() -> None:
    found = steps(created(), '7  write(3<pipe:[5]>, "250 ok", 6) = 6')
    assert len(found) == 1


@pytest.mark.parametrize(
    "line",
    [
        '7  write(9</home/q/pid/1.2.3>, "x", 1) = 1',
        '7  rename("pid/1.2.3", "/tmp/x") = 0',
        '7  link("/tmp/x", "pid/2") = 0',
        '7  truncate("pid/1.2.3", 5) = 0',
        '7  mkdir("pid/new", 0700) = 0',
        "7  copy_file_range(5</tmp/x>, NULL, 3</home/q/pid/1.2.3>, NULL, 5, 0) = 5",
    ],
)
def test_what_cannot_be_followed_is_said(line: str) -> None:
    with pytest.raises(Untraceable):
        steps(created(), line)


MARKED = '5  write(4</home/marks>, "session 7 first\\nsession 8 second\\n", 30) = 30'


def test_promises_of_a_server() -> None:
    assert steps(
        MARKED,
        '7  write(1<pipe:[5]>, "250 ok\\r\\n", 8) = 8',
        '9  write(1<pipe:[5]>, "250 ok 1 qp 2\\r\\n", 15) = 15',
        '7  write(1<pipe:[5]>, "250 ok 1 qp 2\\r\\n", 15) = 15',
        "7  exit_group(0) = ?",
    ) == [Moment(ANSWERED, "first")]


def test_promises_of_a_program() -> None:
    assert steps(MARKED, "7  exit_group(0) = ?", "8  exit_group(54) = ?") == [Moment(ANSWERED, "first")]


def test_what_the_peer_got() -> None:
    assert steps('5  write(4</home/marks>, "accepted third\\n", 15) = 15') == [Moment(ACCEPTED, "third")]
