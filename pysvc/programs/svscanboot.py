"""svscanboot - start svscan, and show what it complains about in ps

Synopsis:    svscanboot

To be started by init, and again whenever it ends. Stops with `svc -dx` what an earlier svscan left behind,
then becomes svscan, whose messages, and those of services without a log, readproctitle shows.

The directory of services is /service. If svscanboot lies in X/bin and there is a directory X/service, it
is that one, and X/bin comes first in PATH: several installations live side by side.

Environment: services find nothing but PATH: /command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:
             /usr/sbin:/usr/X11R6/bin, after svscanboot's own directory if that is none of these
"""

import os

from pysvc import launch
from pysvc.supervision import preloaded
from pysvc.unix import chain, title
from pysvc.unix.strerr import unable_to

PATH = "/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin"
SERVICES = "/service"
TITLE = ["service errors:", "." * 400]


def main(argv: list[str]) -> int:
    if argv[1:] != TITLE:
        # A process's title has the room that its arguments had when it began: begin again with enough.
        with unable_to(f"run {argv[0]}"):
            os.execv(argv[0], [argv[0], *TITLE])
    title.load()  # it finds the arguments by where the environment lies, which must not have changed
    services = arrange(os.path.dirname(os.path.realpath(argv[0])))
    with unable_to("open /dev/null"):
        null = os.open("/dev/null", os.O_RDWR)
        for fd in range(3):
            connect(null, fd)
    stop_survivors(services)
    with unable_to("create pipe"):
        read, write = os.pipe()
    environment = {b"PATH": os.environb[b"PATH"]}
    launch.preload("readproctitle")
    preloaded.load()  # what svscan will load: shared with readproctitle, not copied
    with unable_to("fork"):
        launch.fork("svscanboot", lambda: show(read, environment))
    os.close(read)
    connect(write, 1)
    connect(write, 2)
    with unable_to("run svscan"):
        chain.run(["svscan", services], environment)


def arrange(own: str) -> str:
    """Set PATH for programs that lie in the directory `own`; the directory of services."""
    private = os.path.dirname(own) + SERVICES
    is_private = own.endswith("/bin") and os.path.isdir(private)
    os.environ["PATH"] = f"{own}:{PATH}" if is_private or own not in PATH.split(":") else PATH
    return private if is_private else SERVICES


def stop_survivors(services: str) -> None:
    """`svc -dx` for every service and its log; whether that works is seen by the supervise to come."""
    found = [f"{services}/{name}" for name in sorted(names(services)) if not name.startswith(".")]
    directories = found + [f"{path}/log" for path in found]

    def child() -> int:
        with unable_to("run svc"):
            chain.run(["svc", "-dx", *directories])

    try:
        os.waitpid(launch.fork("svscanboot", child), 0)
    except OSError:
        pass


def names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def show(read: int, environment: dict[bytes, bytes]) -> int:
    """In the child: become readproctitle."""
    connect(read, 0)
    with unable_to("run readproctitle"):
        chain.run(["readproctitle", *TITLE], environment)


def connect(fd: int, to: int) -> None:
    os.dup2(fd, to)
    os.set_inheritable(to, True)  # also where fd is `to` already
