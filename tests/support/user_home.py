"""A user's home, and deliveries to it by qmail-local"""

import subprocess
from pathlib import Path

from tests.support.world import Place

MESSAGE = b"From: a@b\nSubject: x\n\nhello\nFrom here\n>From there\nlast"
HEAD = b"Return-Path: <sender@there>\nDelivered-To: Joe-A.b@host.sub.test\n"
DTLINE = b"Delivered-To: Joe-A.b@host.sub.test\n"


class Mailbox:
    """A user's home, and deliveries to it."""

    def __init__(self, place: Place, program: str = "qmail-local") -> None:
        self.place, self.program = place, program
        self.home = place.path / "user"
        self.home.mkdir(mode=0o700)
        self.message = place.path / "message"
        self.message.write_bytes(MESSAGE)
        place.own()

    def write(self, name: str, content: bytes | str, mode: int = 0o600) -> None:
        path = self.home / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        self.place.own()

    def maildir(self) -> Path:
        assert self.place.run("maildirmake", "Maildir", cwd=self.home).returncode == 0
        return self.home / "Maildir"

    def start(
        self,
        *options: str,
        dash: str = "-",
        ext: str = "A.b",
        sender: str = "sender@there",
        default: str = "./Mailbox",
        local: str = "Joe-A.b",
        env: dict[str, str] | None = None,
        file_size: int | None = None,
        **popen: object,
    ) -> "subprocess.Popen[bytes]":
        operands = ("joe", str(self.home), local, dash, ext, "host.sub.test", sender, default)
        command = self.place.command([self.program, *options, "--", *operands])
        if file_size is not None:
            command = ["prlimit", f"--fsize={file_size}", *command]
        with self.message.open("rb") as message:
            wanted = {"stdin": message, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | popen
            return self.place.start(*command, env=env, **wanted).process

    def deliver(self, *options: str, **arguments: object) -> tuple[int, bytes]:
        """(exit code, what it said) of a delivery."""
        process = self.start(*options, **arguments)  # type: ignore[arg-type]
        said, _ = process.communicate(timeout=60)
        return process.returncode, said
