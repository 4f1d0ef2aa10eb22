"""Descriptors for the pipes of many logs: svscan has two open for each service with a log

The services get the limit that svscan was given: a program that uses select cannot have descriptors from
1024 on.
"""

import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def allow(count: int) -> "Callable[[], None]":
    """Allow this process so many descriptors, or as many as it may; what a child calls to undo it."""
    given = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = given[1]
    most = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, given)
