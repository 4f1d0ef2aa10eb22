"""Failed recipients are noted in bounce/N, and told to the sender when all recipients are done

Source: qmail-send.c addbounce, injectbounce.
"""

import os
import time

from pymail.engines.rewrite import bounce_sender
from pymail.formats import activity, bounce
from pymail.queue.layout import flat_path, split_path
from pymail.queue.recipients import exists, read_info
from pymail.queue.restart import numbers
from pymail.queue.settings import Settings
from pymail.queue.submission import Receipt, Submission
from pymail.unix.home import Home
from pymail.unix.record import Record
from pysvc.unix.files import blocks, read_all, sync_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

DIRECTORY = "bounce"


class Bounces:
    """The bounce files of a queue, which is the current directory."""

    __slots__ = ("_home", "_record", "_settings")

    def __init__(self, home: Home, settings: Settings, record: Record) -> None:
        self._home, self._settings, self._record = home, settings, record

    def mend(self) -> None:
        """Cut off what a crash has left of notes that were not durable; to be done before anything else.

        Nobody is marked as done for such a note: it will be made again, if it is still true then.
        """
        for number in numbers(DIRECTORY, self._record):
            path = flat_path(DIRECTORY, number)
            try:
                _mend(path)
            except OSError:
                self._record.warn(f"unable to mend {path}")

    def note(self, failures: "Iterable[tuple[int, bytes, bytes]]") -> None:
        """Note failures, each (message, rewritten recipient, report), durably.

        Does not return before that is done, however long the disk is full.
        """
        texts: dict[int, bytes] = {}
        for number, recipient, report in failures:
            address = self._settings.rewriter.without_prefix(recipient)
            texts[number] = texts.get(number, b"") + bounce.paragraph(address, report)
        for number, text in texts.items():
            self._append(flat_path(DIRECTORY, number), text)
        if texts:
            self._insist(sync_directory, DIRECTORY)

    def _append(self, path: str, text: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        fd = self._insist(os.open, path, flags, 0o600)
        while text:
            text = text[self._insist(os.write, fd, text) :]
        self._insist(os.fsync, fd)
        os.close(fd)

    def _insist(self, call: "Callable[P, T]", *arguments: "P.args", **options: "P.kwargs") -> "T":
        while True:
            try:
                return call(*arguments, **options)
            except OSError:
                self._record.alert_and_pause("unable to append to bounce message; HELP! sleeping...")

    def settle(self, number: int) -> tuple[list[bytes], bool]:
        """Queue the bounce of a message and forget its failures, if there are any.

        Returns what to log, and whether the message may go; otherwise this must be tried again. Waits
        for the disk and for qmail-queue; touches nothing of this process, so it may run in a thread.
        """
        path = flat_path(DIRECTORY, number)
        try:
            if not exists(path):
                return [], True
        except OSError:
            return [activity.warning(f"unable to stat {path}")], False
        try:
            lines, sent = self._send(number, path)
        except OSError:
            return [activity.warning("trouble injecting bounce message, will try later")], False
        if not sent:
            return lines, False
        try:
            os.unlink(path)
            sync_directory(DIRECTORY)  # a later message of this number must not find it
        except OSError:
            return [*lines, activity.warning(f"unable to unlink {path}")], False
        return lines, True

    def _send(self, number: int, path: str) -> tuple[list[bytes], bool]:
        """Raises OSError if the message cannot be read."""
        info = read_info(number)
        if info is None:
            raise OSError("no sender")
        sender = bounce_sender(info[0])
        envelope = self._settings.bounces.envelope(sender)
        if envelope is None:
            return [activity.triple_bounce(path)], True
        receipt = self._submit(path, split_path("mess", number), sender, envelope)
        if not receipt.text:
            return [activity.bounced(number, receipt.qp)], True
        if not receipt.qp:
            return [activity.warning("unable to start qmail-queue, will try later")], False
        return [activity.warning("trouble injecting bounce message, will try later")], False

    def _submit(self, failures: str, mess: str, sender: bytes, envelope: tuple[bytes, bytes]) -> Receipt:
        """Raises OSError if a file cannot be read; nothing is queued then."""
        with open(failures, "rb", buffering=0) as told, open(mess, "rb", buffering=0) as copied:
            # Only now: were mess missing, the bounce might be given its number, and be taken for it.
            submission = Submission(self._home)
            try:
                submission.write(self._settings.bounces.opening(sender, int(time.time())))
                _copy(told.fileno(), submission)
                submission.write(bounce.before_copy(sender))
                _copy(copied.fileno(), submission)
            except OSError:
                submission.abandon()
                raise
            return submission.finish(envelope[0], [envelope[1]])


def _mend(path: str) -> None:
    """Raises OSError."""
    fd = os.open(path, os.O_RDWR | os.O_NOATIME | os.O_CLOEXEC)  # atime tells strays by their age
    try:
        text = read_all(fd)
        sound = bounce.whole_paragraphs(text)
        if not sound:
            os.unlink(path)  # an empty one would tell the sender of a failure without saying whose
            sync_directory(DIRECTORY)
        elif sound != text:
            os.ftruncate(fd, len(sound))
            os.fsync(fd)
    finally:
        os.close(fd)


def _copy(fd: int, submission: Submission) -> None:
    for block in blocks(fd):
        submission.write(block)
