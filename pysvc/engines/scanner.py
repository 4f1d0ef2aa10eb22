"""Which services svscan knows, and which of their supervise processes run

A service is a directory, known by its device and inode: two links to one directory are one service, a
rename changes nothing, and a new directory under an old name is a second service beside the first.
"""

LIMIT = 1000  # services; one with a log counts once


class Service:
    """One slot. pipe: (read end, write end) between the service and its log, or None."""

    __slots__ = ("active", "log_pid", "pid", "pipe")

    def __init__(self, pipe: tuple[int, int] | None) -> None:
        self.pipe = pipe
        self.active = True
        self.pid = self.log_pid = 0  # of its supervise and of the log's; 0: not running


class Scanner:
    """All slots, by (device, inode)."""

    __slots__ = ("services",)

    def __init__(self) -> None:
        self.services: dict[tuple[int, int], Service] = {}

    @property
    def full(self) -> bool:
        return len(self.services) >= LIMIT

    def died(self, pid: int) -> None:
        """A child is gone; it may be none of the services'."""
        for service in self.services.values():
            if service.pid == pid:
                service.pid = 0
            elif service.log_pid == pid:
                service.log_pid = 0

    def begin(self) -> None:
        """A pass over the directory begins: nothing has been seen in it yet."""
        for service in self.services.values():
            service.active = False

    def seen(self, identity: tuple[int, int]) -> Service | None:
        """The known service with that directory, which is still there."""
        service = self.services.get(identity)
        if service is not None:
            service.active = True
        return service

    def add(self, identity: tuple[int, int], pipe: tuple[int, int] | None) -> Service:
        """A new service; there is a pipe if it has a log, which is decided once."""
        service = self.services[identity] = Service(pipe)
        return service

    def forget(self) -> list[Service]:
        """The pass saw the whole directory: drop and return what has left it and runs nothing any more."""
        gone = [key for key, it in self.services.items() if not (it.active or it.pid or it.log_pid)]
        return [self.services.pop(key) for key in gone]
