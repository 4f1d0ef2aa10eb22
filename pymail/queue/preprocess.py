"""Preprocessing: from todo/N to info/S/N, local/S/N and remote/S/N

Each message waits for its own files to be durable before it leaves todo/, many wait together; see
queue.order. Source: qmail-send.c todo_do.
"""

import os

from pymail.engines.rewrite import Rewriter
from pymail.formats import activity, envelope
from pymail.queue.direct import LONGEST, Single, single
from pymail.queue.layout import CHANNELS, flat_path, split_path
from pymail.queue.recipients import channel_path, exists
from pymail.unix.background import side_by_side
from pymail.unix.record import Record
from pysvc.formats.number import scan
from pysvc.unix.files import blocks, sync_directory, write_all
from pysvc.unix.strerr import failing_as

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

GATHER = 65536     # bytes of recipients that are written together


class Trouble(Exception):
    """Why a message stays in todo/ until the next scan."""


class Output:
    """A new file of a message: info, or the recipients on one channel."""

    __slots__ = ("_fd", "_size", "_text", "path")

    def __init__(self, path: str) -> None:
        """Raises Trouble; there must be no such file yet."""
        self.path = path
        self._text: list[bytes] = []
        self._size = 0
        with failing_as(Trouble(f"unable to create {path}")):
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, record: bytes) -> None:
        self._text.append(record)
        self._size += len(record)
        if self._size > GATHER:
            self.flush()

    def flush(self) -> None:
        """Raises Trouble."""
        with failing_as(Trouble(f"trouble writing to {self.path}")):
            write_all(self._fd, b"".join(self._text))
        self._text, self._size = [], 0

    def sync(self) -> None:
        """Raises Trouble."""
        with failing_as(Trouble(f"trouble fsyncing {self.path}")):
            os.fsync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


class Message:
    """One message on its way from todo/ into delivery, or a Single that gets its files after all."""

    __slots__ = ("_channels", "_outputs", "_size", "_source", "directories", "number", "single", "trouble")

    def __init__(self, number: int, single: Single | None = None) -> None:
        self.number, self.single = number, single
        self._source, self._size = -1, 0
        self._outputs: list[Output] = []
        self._channels: list[Output | None] = [None] * len(CHANNELS)
        self.directories: set[str] = set()  # those in which names came or went
        self.trouble = ""

    @property
    def channels(self) -> list[int]:
        """The channels that the message has recipients on."""
        return [channel for channel, output in enumerate(self._channels) if output is not None]

    def open(self) -> bool:
        """Whether it is still in todo/. Raises Trouble."""
        todo, mess = flat_path("todo", self.number), split_path("mess", self.number)
        with failing_as(Trouble(f"unable to open {todo}")):
            try:
                self._source = os.open(todo, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return False  # it has been delivered since the directory was read
        with failing_as(Trouble(f"unable to stat {mess}")):
            self._size = os.stat(mess).st_size
        return True

    def read_single(self, rewriter: Rewriter) -> Single | None:
        """Itself as a Single, if it is one and no earlier attempt has left files. Raises Trouble."""
        with failing_as(Trouble(f"trouble reading {flat_path('todo', self.number)}")):
            content = os.pread(self._source, LONGEST, 0)
        found = single(self.number, content, self._size)
        if found is None or self._has_info():
            return None
        one, recipient = found
        one.channel, one.recipient = rewriter.rewrite(recipient)
        return one

    def _has_info(self) -> bool:
        path = split_path("info", self.number)
        with failing_as(Trouble(f"unable to stat {path}")):
            return exists(path)

    def write(self, rewriter: Rewriter, record: Record) -> None:
        """Write the files, not yet durably. Raises Trouble."""
        self._start_over()
        info = self._output(split_path("info", self.number))
        if self.single is not None:
            self.single.announce(record)
            info.write(envelope.record(b"F", self.single.sender))
            self._add(self.single.channel, self.single.recipient)
        else:
            record.line(activity.new_message(self.number))
            self._copy(info, rewriter, record)
        for output in self._outputs:
            output.flush()

    def _start_over(self) -> None:
        """Remove what an earlier attempt left, or a qmail-send that died."""
        for kind in (*CHANNELS, "info"):
            path = split_path(kind, self.number)
            with failing_as(Trouble(f"unable to unlink {path}")):
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    continue
            self.directories.add(os.path.dirname(path))

    def _output(self, path: str) -> Output:
        output = Output(path)
        self._outputs.append(output)
        self.directories.add(os.path.dirname(path))
        return output

    def _copy(self, info: Output, rewriter: Rewriter, record: Record) -> None:
        todo = flat_path("todo", self.number)
        uid = pid = 0
        with failing_as(Trouble(f"trouble reading {todo}")):
            for kind, payload in _records(self._source):
                if kind == b"T":
                    self._add(*rewriter.rewrite(payload))
                elif kind == b"F":
                    info.write(envelope.record(kind, payload))
                    info.flush()
                    record.line(activity.message_info(self.number, self._size, payload, pid, uid))
                elif kind == b"u":
                    uid = scan(payload)[0]
                elif kind == b"p":
                    pid = scan(payload)[0]
                else:
                    raise Trouble(f"unknown record type in {todo}")

    def _add(self, channel: int, recipient: bytes) -> None:
        output = self._channels[channel]
        if output is None:
            output = self._channels[channel] = self._output(channel_path(channel, self.number))
        output.write(envelope.record(envelope.TODO, recipient))

    def close_source(self) -> None:
        """Let go of todo/N."""
        if self._source >= 0:
            os.close(self._source)
        self._source = -1

    def close(self) -> None:
        """Let go of the files that were made."""
        for output in self._outputs:
            output.close()

    def sync(self) -> None:
        """Make the files durable, and close them. Raises Trouble."""
        try:
            for output in self._outputs:
                output.sync()
        finally:
            self.close()


def _records(fd: int) -> "Iterator[tuple[bytes, bytes]]":
    """The records of a todo file, however large it is; an unterminated last one is ignored."""
    rest = b""
    for block in blocks(fd):
        complete, zero, rest = (rest + block).rpartition(b"\0")
        yield from envelope.records(complete + zero)


def make_durable(messages: list[Message]) -> list[Message]:
    """Sync the files of messages, then the names of these; each message remembers its own trouble.

    Waits for the disk and touches nothing else of this process, so it may run in a thread.
    """

    def sync_files(message: Message) -> None:
        try:
            message.sync()
        except Trouble as error:
            message.trouble = str(error)

    side_by_side(sync_files, messages)

    def sync_names(directory: str) -> None:
        try:
            with failing_as(Trouble(f"trouble fsyncing {directory}")):
                sync_directory(directory)
        except Trouble as error:
            for message in messages:
                if directory in message.directories:
                    message.trouble = str(error)

    side_by_side(sync_names, set().union(*(message.directories for message in messages)))
    return messages
