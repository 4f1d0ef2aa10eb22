"""The variables and the log fields of a connection"""

import pytest

from pysvc.formats import ip, ucspi


def connection(remote: bytes = b"\1\2\3\4", six: bool = False) -> ucspi.Connection:
    made = ucspi.Connection(25, remote, 4000, six)
    made.local_ip = bytes([127, 0, 0, 1]) if len(remote) == 4 else ip.mapped(bytes([127, 0, 0, 1]))
    return made


def test_ipv4() -> None:
    one = connection()
    one.local_host, one.remote_info = b"", b"joe"
    assert one.variables() == {
        b"PROTO": b"TCP", b"TCPLOCALIP": b"127.0.0.1", b"TCPLOCALPORT": b"25", b"TCPLOCALHOST": b"",
        b"TCPREMOTEIP": b"1.2.3.4", b"TCPREMOTEPORT": b"4000", b"TCPREMOTEHOST": None,
        b"TCPREMOTEINFO": b"joe",
    }  # fmt: skip
    assert one.log_fields() == b":127.0.0.1:25 :1.2.3.4:joe:4000"


def test_ipv4_client_of_an_ipv6_socket() -> None:
    variables = connection(ip.mapped(b"\1\2\3\4")).variables()
    assert variables[b"PROTO"] == b"TCP"
    assert variables[b"TCPREMOTEIP"] == b"1.2.3.4"
    assert variables[b"TCP6REMOTEIP"] == b"::ffff:1.2.3.4"
    variables = connection(ip.mapped(b"\1\2\3\4"), six=True).variables()
    assert (variables[b"PROTO"], variables[b"TCPREMOTEIP"]) == (b"TCP6", b"::ffff:1.2.3.4")


def test_ipv6_client() -> None:
    one = connection(bytes(15) + b"\1")
    one.interface = b"eth0"
    variables = one.variables()
    assert (variables[b"PROTO"], variables[b"TCPREMOTEIP"]) == (b"TCP6", b"::1")
    assert variables[b"TCP6REMOTEIP"] == b"::1"
    assert variables[b"TCP6INTERFACE"] == b"eth0"
    assert one.log_fields() == b":127.0.0.1:25 :::1::4000"


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, b""),
        (b"a%b:c d\xff\x7f\n", b"a?b?c?d???"),
        (b"x" * 99, b"x" * 99),
        (b"x" * 100, b"x" * 100 + b"..."),
        (b"x" * 101, b"x" * 100 + b"..."),
    ],
)
def test_fields_are_masked_and_cut(value: bytes | None, field: bytes) -> None:
    one = connection()
    one.remote_info = value
    assert one.log_fields() == b":127.0.0.1:25 :1.2.3.4:" + field + b":4000"


def test_unknown_variables_are_removed() -> None:
    environment = {b"A": b"1", b"B": b"2"}
    ucspi.apply(environment, {b"A": None, b"C": b"", b"D": None})
    assert environment == {b"B": b"2", b"C": b""}
