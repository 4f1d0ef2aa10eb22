"""Dates as mail writes them, always GMT

Source: RFC 5322 section 3.3; qmail date822fmt.c and myctime.c.
"""

import time

MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")


def date822(seconds: int) -> bytes:
    """`6 Sep 1995 04:46:53 -0000`: the day without a leading zero, no line end."""
    t = time.gmtime(seconds)
    return b"%d %s %d %02d:%02d:%02d -0000" % (
        t.tm_mday, MONTHS[t.tm_mon - 1], t.tm_year, t.tm_hour, t.tm_min, t.tm_sec,
    )  # fmt: skip


def mbox_date(seconds: int) -> bytes:
    """`Sat Feb 03 04:05:06 2001`: the day padded with a zero, no line end."""
    t = time.gmtime(seconds)
    return b"%s %s %02d %02d:%02d:%02d %d" % (
        DAYS[t.tm_wday], MONTHS[t.tm_mon - 1], t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec, t.tm_year,
    )  # fmt: skip
