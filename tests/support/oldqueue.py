"""Writes messages into the stopped queue of a machine as qmail's C programs leave them; runs in there

Reads a JSON list of messages from standard input: {kind of file: content}, "mess" always among them; "old"
true: not touched for 37 hours. Prints their numbers.
"""

import json
import os
import pwd
import sys
import time

QUEUE = "/var/qmail/queue"
SPLIT = 23
OLD = 37 * 3600  # seconds; strays go after 36 hours
FILES = {  # kind: (owner, mode, in numbered folders), in the order in which they are made
    "todo": ("qmailq", 0o644, False), "info": ("qmails", 0o600, True), "local": ("qmails", 0o600, True),
    "remote": ("qmails", 0o600, True), "bounce": ("qmails", 0o600, False),
}  # fmt: skip


def write(path: str, content: str, owner: str, mode: int) -> None:
    account = pwd.getpwnam(owner)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    os.fchown(fd, account.pw_uid, account.pw_gid)
    os.fchmod(fd, mode)
    os.write(fd, content.encode("latin-1"))
    os.close(fd)


def make(message: "dict[str, str]", sequence: int) -> int:
    """One message: its number is the inode number that its pid file got."""
    first = f"pid/{os.getpid()}.{int(time.time())}.{sequence}"
    write(first, message["mess"], "qmailq", 0o644)
    number = os.stat(first).st_ino
    mess = f"mess/{number % SPLIT}/{number}"
    os.link(first, mess)
    os.unlink(first)
    if "intd" in message:
        write(f"intd/{number}", message["intd"], "qmailq", 0o644)
    if message.get("todo") == "link":
        os.link(f"intd/{number}", f"todo/{number}")
    for kind, (owner, mode, split) in FILES.items():
        if kind in message and message[kind] != "link":
            path = f"{kind}/{number % SPLIT}/{number}" if split else f"{kind}/{number}"
            write(path, message[kind], owner, mode)
    if message.get("old"):
        os.utime(mess, (time.time() - OLD, time.time()))
    return number


def main() -> None:
    os.chdir(QUEUE)
    os.umask(0)
    print(json.dumps([make(message, number) for number, message in enumerate(json.load(sys.stdin))]))


if __name__ == "__main__":
    main()
