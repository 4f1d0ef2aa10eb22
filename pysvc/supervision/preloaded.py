"""The programs that most services consist of, loaded by svscan once for all of them"""

from pysvc import launch
from pysvc.supervision import rehearsal

PROGRAMS = ("supervise", "multilog", "setuidgid", "softlimit", "tcpserver")


def load() -> None:
    """Load their code, as far as they are this installation's, and make it ready to be shared."""
    for name in PROGRAMS:
        launch.preload(name)
    launch.freeze()
    rehearsal.rehearse()
    launch.freeze()  # also what the rehearsal has left
