"""The parent of a server: it accepts connections while fewer than a limit are served, and buries children

A subclass says what serving is. SIGTERM ends the parent at once, but no connection between accept and the
start of its process: where somebody else holds the sockets too, a restart drops none.
"""

import os
import select

from pysvc.unix import signals, tcp
from pysvc.unix.watching import Watching

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any, NoReturn


class Server(Watching):
    """running: how many processes there are. listeners: non-blocking sockets, set before it runs."""

    def __init__(self, limit: int) -> None:
        """From now on the process obeys SIGTERM. Fatal if there can be no pipe for signals."""
        super().__init__()
        self.running, self.limit = 0, limit
        self.listeners: list[_socket.socket] = []
        self._pid = os.getpid()
        self._between = self._ending = False
        signals.unblock(signals.SIGCHLD)
        self._children = signals.SelfPipe([signals.SIGCHLD])
        self._poll.register(self._children.fd, select.POLLIN)
        signals.catch(signals.SIGTERM, self.end)
        signals.ignore(signals.SIGPIPE)

    def serve(self, fd: int, address: "tuple[Any, ...]", listener: "_socket.socket") -> None:
        """Start the process for a connection, or not. The descriptor is closed afterwards.

        address: as accept returned it.
        """
        raise NotImplementedError

    def buried(self, pid: int, status: int) -> None:
        """A process has ended: the one of a connection, or one that was there before the server."""
        self.served(pid, status)

    def served(self, pid: int, status: int) -> None:
        """A connection's process has ended, or has done its work. A subclass tells of it."""
        self.running = max(0, self.running - 1)

    def patience(self) -> float | None:
        """Milliseconds for which to wait; what must be done in between is done here."""
        return None

    def leave(self) -> "NoReturn":
        """The last thing that the parent does."""
        os._exit(0)

    def end(self) -> None:
        """On SIGTERM. Also of a child, until its program starts: that handler was its parent's."""
        if os.getpid() != self._pid:
            os._exit(0)
        if not self._between:
            self.leave()
        self._ending = True

    def close(self) -> None:
        """In a child: the sockets are the parent's."""
        for listener in self.listeners:
            listener.close()

    def run(self) -> "NoReturn":
        """Serve until a signal ends the process."""
        sockets = {listener.fileno(): listener for listener in self.listeners}
        accepting: bool | None = None
        while True:
            if accepting is not (self.running < self.limit):
                accepting = self.running < self.limit
                for fd in sockets:
                    self._poll.register(fd, select.POLLIN if accepting else 0)
            ready = [fd for fd, _ in self._poll.poll(self.patience())]
            for fd in ready:
                self.handle(fd)
            if self._children.fd in ready:
                self._reap()  # after everything that the dead have said
            for fd in ready:
                if fd in sockets and self.running < self.limit:
                    self._accept(sockets[fd])

    def _accept(self, listener: "_socket.socket") -> None:
        self._between = True
        try:
            fd, address = tcp.accept(listener)
        except OSError:
            pass  # the client has gone again, or there is no descriptor; the next turn tries anew
        else:
            self.serve(fd, address, listener)
            os.close(fd)
        self._between = False
        if self._ending:
            self.leave()

    def _reap(self) -> None:
        self._children.arrived()
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            self.buried(pid, status)
