"""What a disk may hold after a power loss, as two models of file systems

A model is told of operations in their order, and offers at any moment `axes`: the things that may have
come out one way or another, each with its number of outcomes. image() is the disk for one choice of
outcomes; the last outcome of each axis is the newest state.

Posix: as weak as POSIX allows. Names that came or went since the last fsync of their directory are each
there or not, whatever became of others; of the data written since the last fsync of a file any sectors
are there, and the others are zero or beyond the end. fsync of a file says nothing of its names.

Ext4: as ext4 with data=ordered does it. Names come and go in the order in which they did, up to some
moment; an fsync carries along what happened before the last change of the file or directory. A file
that was not synced may be empty or cut while its name is there.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from random import Random

SECTOR, PAGE = 512, 4096  # bytes that are written whole: by a disk, by ext4
ROOT = 0  # the node of the top directory


@dataclass(frozen=True, slots=True)
class Names:
    """Names that came or went together: (directory, name, node; None if it went). A rename is two changes."""

    changes: tuple[tuple[int, str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Write:
    """Data that a file got at an offset; it may reach beyond the end."""

    node: int
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file's new size."""

    node: int
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """An fsync of a file or directory that has returned; it was called before operation number `since`."""

    node: int
    since: int


Operation = Names | Write | Truncate | Sync


@dataclass(frozen=True)
class Image:
    """A disk: the node of each path, directories included, and the content of each file's node."""

    paths: dict[str, int]
    contents: dict[int, bytes]

    def files(self) -> dict[str, bytes]:
        """The content of each file by its path."""
        return {path: self.contents[node] for path, node in self.paths.items() if node in self.contents}


@dataclass
class _Content:
    """A file's bytes on disk, and what was done to it since, each with its number."""

    durable: bytes = b""
    pending: list[tuple[int, Write | Truncate]] = field(default_factory=list)

    def sync(self, since: int) -> None:
        for number, operation in self.pending:
            if number < since:
                self.durable = applied(self.durable, operation)
        self.pending = [entry for entry in self.pending if entry[0] >= since]

    def pieces(self, size: int) -> list[Write | Truncate]:
        """What is pending, in pieces that are on disk whole or not at all."""
        return [piece for _, operation in self.pending for piece in _pieces(operation, size)]


def _pieces(operation: Write | Truncate, size: int) -> Iterator[Write | Truncate]:
    if isinstance(operation, Truncate):
        yield operation
        return
    start, end = operation.offset, operation.offset + len(operation.data)
    while start < end:
        stop = min(end, (start // size + 1) * size)
        yield Write(operation.node, start, operation.data[start - operation.offset : stop - operation.offset])
        start = stop


def applied(content: bytes, operation: Write | Truncate) -> bytes:
    """The content of a file after a write or truncation; what nobody wrote is zero."""
    if isinstance(operation, Truncate):
        return content[: operation.size].ljust(operation.size, b"\0")
    end = operation.offset + len(operation.data)
    return content.ljust(operation.offset, b"\0")[: operation.offset] + operation.data + content[end:]


class Model:
    """What both models have in common: the files' contents, and how an image is put together."""

    def __init__(self, directories: dict[str, int]) -> None:
        """directories: the nodes of those that are there from the beginning, durably; "" is the top."""
        self.directories = set(directories.values())
        self._contents: dict[int, _Content] = {}
        self._begin(
            {
                (directories[path.rpartition("/")[0]], path.rpartition("/")[2]): node
                for path, node in directories.items()
                if path
            }
        )

    def apply(self, number: int, operation: Operation) -> None:
        """The next operation; numbers rise. A node that is not known as a directory is a file."""
        if isinstance(operation, Names):
            for _, _, node in operation.changes:
                if node is not None and node not in self.directories:
                    self._contents.setdefault(node, _Content())
            self._names(number, operation)
        elif isinstance(operation, Sync):
            self._sync(operation)
            if operation.node in self._contents:
                self._contents[operation.node].sync(operation.since)
        else:
            self._contents[operation.node].pending.append((number, operation))

    def add_directory(self, node: int) -> None:
        """Say that the node of the next name is a directory."""
        self.directories.add(node)

    def _unsynced(self) -> list[tuple[int, _Content]]:
        return [(node, content) for node, content in self._contents.items() if content.pending]

    def axes(self) -> list[int]:
        """The number of outcomes of each thing that may have come out one way or another."""
        raise NotImplementedError

    def image(self, choice: Sequence[int]) -> Image:
        """The disk, if each axis came out so."""
        raise NotImplementedError

    def _begin(self, names: dict[tuple[int, str], int]) -> None:
        raise NotImplementedError

    def _names(self, number: int, operation: Names) -> None:
        raise NotImplementedError

    def _sync(self, operation: Sync) -> None:
        raise NotImplementedError

    def _image(self, names: dict[tuple[int, str], int], contents: dict[int, bytes]) -> Image:
        """An image of these names, as far as they can be reached; other files are as they are on disk."""
        inside: dict[int, list[tuple[str, int]]] = {}
        for (directory, name), node in names.items():
            inside.setdefault(directory, []).append((name, node))
        paths: dict[str, int] = {}
        open_ends = [("", ROOT)]
        while open_ends:
            prefix, directory = open_ends.pop()
            for name, node in inside.get(directory, ()):
                paths[prefix + name] = node
                if node in self.directories:
                    open_ends.append((f"{prefix}{name}/", node))
        files = {node for node in paths.values() if node in self._contents}
        return Image(paths, {node: contents.get(node, self._contents[node].durable) for node in files})


class Posix(Model):
    """As weak as POSIX allows."""

    name = "posix"

    def _begin(self, names: dict[tuple[int, str], int]) -> None:
        # what each name may stand for, oldest first, with the number of the operation that made it so
        self._versions: dict[tuple[int, str], list[tuple[int, int | None]]] = {
            place: [(-1, node)] for place, node in names.items()
        }

    def _names(self, number: int, operation: Names) -> None:
        for directory, name, node in operation.changes:
            self._versions.setdefault((directory, name), [(-1, None)]).append((number, node))

    def _sync(self, operation: Sync) -> None:
        for (directory, _), versions in self._versions.items():
            if directory == operation.node:
                old = sum(number < operation.since for number, _ in versions)
                del versions[: old - 1]
        if operation.node in self.directories:
            self._versions = {
                place: versions
                for place, versions in self._versions.items()
                if len(versions) > 1 or versions[0][1] is not None
            }

    def _open_names(self) -> list[tuple[tuple[int, str], list[tuple[int, int | None]]]]:
        return [(place, versions) for place, versions in self._versions.items() if len(versions) > 1]

    def axes(self) -> list[int]:
        found = [len(versions) for _, versions in self._open_names()]
        for _, content in self._unsynced():
            found += [2] * (len(content.pieces(SECTOR)) + 1)
        return found

    def image(self, choice: Sequence[int]) -> Image:
        outcomes = iter(choice)
        names = {place: versions[-1][1] for place, versions in self._versions.items()}
        for place, versions in self._open_names():
            names[place] = versions[next(outcomes)][1]
        contents = {}
        for node, content in self._unsynced():
            data = content.durable
            newest = data
            for piece in content.pieces(SECTOR):
                newest = applied(newest, piece)
                if next(outcomes):
                    data = applied(data, piece)
            # the size may be on disk without the data
            contents[node] = data.ljust(len(newest), b"\0") if next(outcomes) else data
        return self._image({place: node for place, node in names.items() if node is not None}, contents)


class Ext4(Model):
    """As ext4 with data=ordered."""

    name = "ext4"

    def _begin(self, names: dict[tuple[int, str], int]) -> None:
        self._committed = names
        self._journal: list[tuple[int, Names]] = []  # not certainly on disk, by the number of the operation
        self._touched: dict[int, int] = {}  # the last operation on each node's metadata

    def _names(self, number: int, operation: Names) -> None:
        self._journal.append((number, operation))
        for directory, name, node in operation.changes:
            self._touched[directory] = number
            gone = self._current(directory, name) if node is None else node
            if gone is not None:
                self._touched[gone] = number

    def _current(self, directory: int, name: str) -> int | None:
        """What a name stood for before the last operation."""
        for _, operation in reversed(self._journal[:-1]):
            for where, which, node in operation.changes:
                if (where, which) == (directory, name):
                    return node
        return self._committed.get((directory, name))

    def _sync(self, operation: Sync) -> None:
        upto = self._touched.get(operation.node, -1)
        content = self._contents.get(operation.node)
        if content is not None and any(number < operation.since for number, _ in content.pending):
            upto = operation.since - 1  # its blocks are allocated in the transaction of now
        upto = min(upto, operation.since - 1)
        while self._journal and self._journal[0][0] <= upto:
            self._committed = _renamed(self._committed, self._journal.pop(0)[1])

    def axes(self) -> list[int]:
        sizes = [len(content.pieces(PAGE)) + 1 for _, content in self._unsynced()]
        return [len(self._journal) + 1, *sizes]

    def image(self, choice: Sequence[int]) -> Image:
        names = self._committed
        for _, operation in self._journal[: choice[0]]:
            names = _renamed(names, operation)
        contents = {}
        for (node, content), count in zip(self._unsynced(), choice[1:], strict=True):
            data = content.durable
            for piece in content.pieces(PAGE)[:count]:
                data = applied(data, piece)
            contents[node] = data
        return self._image(names, contents)


def _renamed(names: dict[tuple[int, str], int], operation: Names) -> dict[tuple[int, str], int]:
    changed = dict(names)
    for directory, name, node in operation.changes:
        if node is None:
            changed.pop((directory, name), None)
        else:
            changed[directory, name] = node
    return changed


MODELS: dict[str, Callable[[dict[str, int]], Model]] = {"ext4": Ext4, "posix": Posix}


def choices(axes: Sequence[int], most: int, random: Random) -> list[tuple[int, ...]]:
    """Which outcomes to look at: all, if there are no more than `most`; else a sample, in which some disks
    have everything that was done, some nothing of what was not synced, and most something in between."""
    if prod(axes) <= most:
        return list(product(*map(range, axes)))
    found: dict[tuple[int, ...], None] = {}
    while len(found) < most:
        newest = random.choice((0, 0.1, 0.5, 0.9, 1))
        oldest = 0 if newest else 1
        found[tuple(_outcome(size, newest, oldest, random) for size in axes)] = None
    return list(found)


def _outcome(size: int, newest: float, oldest: float, random: Random) -> int:
    if random.random() < newest:
        return size - 1
    return 0 if random.random() < oldest else random.randrange(size)
