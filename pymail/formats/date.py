"""Dates as mail writes them, GMT unless they say otherwise

Source: RFC 5322 section 3.3; qmail date822fmt.c, myctime.c and the predate manual.
"""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from time import struct_time

MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")


def date822(seconds: int) -> bytes:
    """`6 Sep 1995 04:46:53 -0000`: the day without a leading zero, no line end."""
    return _date(time.gmtime(seconds), b"-0000")


def local_date(t: "struct_time", offset: int) -> bytes:
    """`6 Nov 2026 09:57:32 -0500`: a local time, with its zone's seconds east of Greenwich."""
    minutes = round(offset / 60)
    return _date(t, b"%c%02d%02d" % (b"-" if minutes < 0 else b"+", *divmod(abs(minutes), 60)))


def _date(t: "struct_time", zone: bytes) -> bytes:
    return b"%d %s %d %02d:%02d:%02d %s" % (
        t.tm_mday, MONTHS[t.tm_mon - 1], t.tm_year, t.tm_hour, t.tm_min, t.tm_sec, zone,
    )  # fmt: skip


def mbox_date(seconds: int) -> bytes:
    """`Sat Feb 03 04:05:06 2001`: the day padded with a zero, no line end."""
    t = time.gmtime(seconds)
    return b"%s %s %02d %02d:%02d:%02d %d" % (
        DAYS[t.tm_wday], MONTHS[t.tm_mon - 1], t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, t.tm_year,
    )  # fmt: skip
