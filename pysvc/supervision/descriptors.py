"""Descriptors for the pipes of many logs: svscan has two open for each service with a log

The services get the limit that svscan was given: a program that uses select cannot have descriptors from
1024 on.
"""

import resource

from pysvc.engines.scanner import LIMIT

SPARE = 32  # what svscan needs besides, and may have been given
ENOUGH = 2 * LIMIT + SPARE

given: tuple[int, int] | None = None  # the limit before it was raised


def make_room(pipes: int) -> None:
    """Allow this process so many pipes, as far as it may."""
    global given
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= 2 * pipes + SPARE:
        return
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if wanted > soft:
        given = given or (soft, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def restore_limit() -> None:
    """In a child: the limit as it was."""
    if given is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, given)
