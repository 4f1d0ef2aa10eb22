"""Preprocessing: from todo/N to info/S/N, local/S/N and remote/S/N

Messages are taken up in batches. Each waits for its own files to be durable, all wait together, and the
deliveries of others go on meanwhile; see queue.order. Source: qmail-send.c todo_do.
"""

import os
import select

from pymail.engines.rewrite import Rewriter
from pymail.formats import activity, envelope
from pymail.queue.cleaner import Cleaner
from pymail.queue.layout import CHANNELS, flat_path, split_path
from pymail.queue.recipients import channel_path
from pymail.queue.restart import is_number
from pymail.queue.shared import Shared
from pymail.unix.background import Background, side_by_side
from pymail.unix.record import Record
from pymail.unix.trigger import Watch
from pysvc.formats.number import scan
from pysvc.unix.files import blocks, sync_directory, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SLEEP_TODO = 1500  # seconds after which todo/ is looked at even if nobody pulled the trigger
BATCH = 128        # messages that wait for the disk together
MOST_LEFT = 512    # messages on their way at the same time
CHUNK = 16         # messages taken up between two looks at everything else
GATHER = 65536     # bytes of recipients that are written together


class Trouble(Exception):
    """Why a message stays in todo/ until the next scan."""


class trouble:
    """`with trouble("unable to open todo/7"):` turns an OSError into that Trouble."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, OSError):
            raise Trouble(self.text) from error


class Output:
    """A new file of a message: info, or the recipients on one channel."""

    __slots__ = ("_fd", "_size", "_text", "path")

    def __init__(self, path: str) -> None:
        """Raises Trouble; there must be no such file yet."""
        self.path = path
        self._text: list[bytes] = []
        self._size = 0
        with trouble(f"unable to create {path}"):
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, record: bytes) -> None:
        self._text.append(record)
        self._size += len(record)
        if self._size > GATHER:
            self.flush()

    def flush(self) -> None:
        """Raises Trouble."""
        with trouble(f"trouble writing to {self.path}"):
            write_all(self._fd, b"".join(self._text))
        self._text, self._size = [], 0

    def sync(self) -> None:
        """Raises Trouble."""
        with trouble(f"trouble fsyncing {self.path}"):
            os.fsync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


class Message:
    """One message on its way from todo/ into delivery."""

    __slots__ = ("_channels", "_outputs", "directories", "number", "trouble")

    def __init__(self, number: int) -> None:
        self.number = number
        self._outputs: list[Output] = []
        self._channels: list[Output | None] = [None] * len(CHANNELS)
        self.directories: set[str] = set()  # those in which names came or went
        self.trouble = ""

    @property
    def channels(self) -> list[int]:
        """The channels that the message has recipients on."""
        return [channel for channel, output in enumerate(self._channels) if output is not None]

    def write(self, rewriter: Rewriter, record: Record) -> None:
        """Write the files, not yet durably. Raises Trouble."""
        todo, mess = flat_path("todo", self.number), split_path("mess", self.number)
        with trouble(f"unable to open {todo}"):
            source = os.open(todo, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with trouble(f"unable to stat {mess}"):
                size = os.stat(mess).st_size
            self._start_over()
            info = self._output(split_path("info", self.number))
            record.line(activity.new_message(self.number))
            self._copy(source, info, size, rewriter, record)
            for output in self._outputs:
                output.flush()
        finally:
            os.close(source)

    def _start_over(self) -> None:
        """Remove what an earlier attempt left, or a qmail-send that died."""
        for kind in (*CHANNELS, "info"):
            path = split_path(kind, self.number)
            with trouble(f"unable to unlink {path}"):
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

    def _copy(self, source: int, info: Output, size: int, rewriter: Rewriter, record: Record) -> None:
        todo = flat_path("todo", self.number)
        uid = pid = 0
        with trouble(f"trouble reading {todo}"):
            for kind, payload in _records(source):
                if kind == b"T":
                    self._add(*rewriter.rewrite(payload))
                elif kind == b"F":
                    info.write(envelope.record(kind, payload))
                    info.flush()
                    record.line(activity.message_info(self.number, size, payload, pid, uid))
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

    def close(self) -> None:
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
            with trouble(f"trouble fsyncing {directory}"):
                sync_directory(directory)
        except Trouble as error:
            for message in messages:
                if directory in message.directories:
                    message.trouble = str(error)

    side_by_side(sync_names, set().union(*(message.directories for message in messages)))
    return messages


class Intake:
    """Scans todo/ when the trigger is pulled, and now and then.

    While one batch waits for the disk the next is gathered: the more comes in, the larger it gets.
    A scan begins only when no message is on its way, so that none is taken up twice; and while no
    bounce is, so that a bounce is not recorded as a new message before it is recorded as a bounce.
    """

    __slots__ = ("_background", "_cleaner", "_gathered", "_left", "_next_scan", "_scan", "_shared",
                 "_syncing", "_trigger")  # fmt: skip

    def __init__(self, shared: Shared, background: Background, cleaner: Cleaner) -> None:
        self._shared, self._background, self._cleaner = shared, background, cleaner
        self._trigger: Watch | None = None
        self._renew_trigger()
        self._scan: Iterator[os.DirEntry[str]] | None = None
        self._next_scan = 0
        self._gathered: list[Message] = []  # the next batch
        self._syncing = False  # whether a batch waits for the disk
        self._left = 0         # messages taken up that qmail-clean has not answered for

    @property
    def _idle(self) -> bool:
        return self._scan is None and not self._left

    @property
    def _may_take(self) -> bool:
        """Whether there may be more to take up, and room for it."""
        return self._scan is not None and len(self._gathered) < BATCH and self._left < MOST_LEFT

    @property
    def trigger_fd(self) -> int | None:
        """What becomes readable when messages have come; None while a scan is under way anyway."""
        return self._trigger.fd if self._idle and self._trigger is not None else None

    def wanted_at(self) -> int | None:
        """When there will be something to do, if nothing else happens; 0 for at once."""
        if self._may_take or (self._gathered and not self._syncing):
            return 0
        return self._next_scan if self._idle else None

    def clock_set_back(self, seconds: int) -> None:
        self._next_scan -= seconds

    def step(self, now: int, may_begin: bool) -> None:
        """Take up some messages, if there are any. may_begin: whether a scan may."""
        if self._idle and may_begin and (now >= self._next_scan or self._pulled()):
            self._begin_scan(now)
        if self._may_take:
            self._take()
        if self._gathered and not self._syncing:
            batch, self._gathered = self._gathered, []
            self._syncing = True
            self._background.start(lambda: make_durable(batch), lambda batch: self._durable(batch, now))

    def _pulled(self) -> bool:
        """Whether the trigger has been pulled since it was renewed."""
        if self._trigger is None:
            return False
        poll = select.poll()
        poll.register(self._trigger.fd, select.POLLIN)
        return bool(poll.poll(0))

    def _renew_trigger(self) -> None:
        """Forget the calls so far. Without a trigger there are still the scans now and then."""
        try:
            if self._trigger is None:
                self._trigger = Watch(".")
            else:
                self._trigger.reopen()
        except OSError:
            self._trigger = None

    def _begin_scan(self, now: int) -> None:
        self._renew_trigger()
        while self._scan is None:
            try:
                self._scan = os.scandir("todo")
            except OSError:
                self._shared.record.alert_and_pause("unable to opendir todo, sleeping...")
        self._next_scan = now + SLEEP_TODO

    def _take(self) -> None:
        """Write the files of the next messages of the scan."""
        for _ in range(CHUNK):
            entry = self._next_entry()
            if entry is None:
                self._scan = None
                break
            if is_number(entry):
                self._write(int(entry))

    def _next_entry(self) -> str | None:
        try:
            return next(self._scan).name if self._scan is not None else None
        except (StopIteration, OSError):
            return None

    def _write(self, number: int) -> None:
        message = Message(number)
        try:
            message.write(self._shared.settings.rewriter, self._shared.record)
        except Trouble as error:
            message.close()
            self._shared.record.warn(str(error))
            return
        self._gathered.append(message)
        self._left += 1

    def _durable(self, batch: list[Message], now: int) -> None:
        """Now, and only now, todo may go."""
        self._syncing = False
        for message in batch:
            if message.trouble:
                self._shared.record.warn(message.trouble)
                self._left -= 1
            else:
                self._cleaner.ask("todo", message.number, self._answer(message, now))

    def _answer(self, message: Message, now: int) -> "Callable[[bool], None]":
        def answered(done: bool) -> None:
            self._left -= 1
            if done:
                self._enqueue(message, now)
            else:
                path = flat_path("todo", message.number)
                self._shared.record.warn(f"qmail-clean unable to clean up {path}")

        return answered

    def _enqueue(self, message: Message, now: int) -> None:
        for channel in message.channels:
            self._shared.waiting[channel].add(now, message.number)
        if not message.channels:
            self._shared.done.add(now, message.number)
