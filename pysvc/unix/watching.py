"""Descriptors, and what is to be done when they can be read"""

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Watching:
    """A loop's `_poll`, and a handler for each descriptor that is watched."""

    __slots__ = ("_handlers", "_poll")

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[], None]] = {}
        self._poll = select.poll()

    def watch(self, fd: int, handler: "Callable[[], None]") -> None:
        """Call handler() whenever fd can be read. It must not wait: once in a while there is nothing."""
        self._handlers[fd] = handler
        self._poll.register(fd, select.POLLIN)

    def unwatch(self, fd: int) -> None:
        """Before fd is closed."""
        del self._handlers[fd]
        self._poll.unregister(fd)

    def handle(self, fd: int) -> None:
        """Call the handler of a descriptor that is ready; none is left if an earlier one has ended it."""
        handler = self._handlers.get(fd)
        if handler is not None:
            handler()
