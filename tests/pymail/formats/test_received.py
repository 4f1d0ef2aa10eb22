"""Received lines"""

import pytest

from pymail.formats import received

NOW = 812090814  # 26 Sep 1995 04:46:54


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (received.ALIAS, b"by alias"), (received.NETWORK, b"from network"), (received.BOUNCE, b"for bounce"),
        (received.by_uid(1000), b"by uid 1000"), (received.by_uid(0), b"by uid 0"),
    ],
)  # fmt: skip
def test_queue_received(how: bytes, words: bytes) -> None:
    line = received.queue_received(53, how, NOW)
    assert line == b"Received: (qmail 53 invoked " + words + b"); 26 Sep 1995 04:46:54 -0000\n"


def test_day_is_not_padded() -> None:
    assert b"; 1 Jan 1970 00:00:00 -0000\n" in received.queue_received(1, received.ALIAS, 0)


def network(**changes: bytes | None) -> bytes:
    values: dict[str, bytes | None] = {"remote_host": b"mx.test", "remote_ip": b"10.0.0.1", **changes}
    return received.network_received(b"SMTP", b"here", now=NOW, **values)  # type: ignore[arg-type]


def test_network_received() -> None:
    assert network() == (
        b"Received: from mx.test (10.0.0.1)\n  by here with SMTP; 26 Sep 1995 04:46:54 -0000\n"
    )


@pytest.mark.parametrize(
    ("helo", "info", "middle"),
    [
        (b"MX.Test", None, b" (10.0.0.1)"),
        (b"other", None, b" (HELO other) (10.0.0.1)"),
        (b"", None, b" (HELO ) (10.0.0.1)"),
        (None, b"joe", b" (joe@10.0.0.1)"),
        (None, b"", b" (@10.0.0.1)"),
        (b"a b(c)\r\n", b"x;y", b" (HELO a?b?c???) (x?y@10.0.0.1)"),
        (b"[1.2.3.4]", None, b" (HELO [1.2.3.4]) (10.0.0.1)"),
    ],
)
def test_what_the_client_says(helo: bytes | None, info: bytes | None, middle: bytes) -> None:
    assert network(helo=helo, info=info).split(b"\n")[0] == b"Received: from mx.test" + middle


def test_bytes_that_may_stand() -> None:
    allowed = b"azAZ09.@%+/=:-[]"
    assert received.clean(allowed) == allowed
    assert received.clean(bytes(range(256))).count(b"?") == 256 - 26 - 26 - 10 - 10
