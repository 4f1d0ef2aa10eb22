"""Sockets and waiting"""

import os
import select
import socket
import time

import pytest

from pysvc.unix import tcp
from pysvc.unix.strerr import Fatal


@pytest.mark.parametrize(("word", "port"), [("25", 25), ("016", 16), ("", 0), ("65537", 1), ("131072", 0)])
def test_port_numbers(word: str, port: int) -> None:
    assert tcp.port_number(word) == port


@pytest.mark.parametrize("word", ["8x", "-1", " 1", "no-such-service", "\udcff"])
def test_ports_that_are_unknown_services(word: str) -> None:
    with pytest.raises(Fatal) as caught:
        tcp.port_number(word)
    assert caught.value.text == f"unable to figure out port number for {word}"


def test_ipv6_literals() -> None:
    assert tcp.ipv6_literal("::1") == tcp.ipv6_literal("[::1]") == bytes(15) + b"\1"
    for text in ("", "1.2.3.4", "::g", "\udcff::", "mail"):
        assert tcp.ipv6_literal(text) is None


def test_waiting_ends_with_the_deadline_even_if_there_is_something() -> None:
    reading, writing = os.pipe()
    try:
        os.write(writing, b"x")
        assert tcp.wait(reading, select.POLLIN, time.monotonic() + 60)
        assert not tcp.wait(reading, select.POLLIN, time.monotonic() - 1)
        os.read(reading, 1)
        assert not tcp.wait(reading, select.POLLIN, time.monotonic() + 0.01)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_connection_to_nobody() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            tcp.connect(b"\x7f\0\0\1", reserved.getsockname()[1], time.monotonic() + 10)


def test_a_conversation() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        deadline = time.monotonic() + 20
        client = tcp.connect(b"\x7f\0\0\1", server.getsockname()[1], deadline, b"\x7f\0\0\2")
        peer, address = server.accept()
        with peer:
            assert address[0] == "127.0.0.2"
            tcp.send_all(client, b"hello", deadline)
            assert peer.recv(5, socket.MSG_WAITALL) == b"hello"
            peer.sendall(b"there")
            assert tcp.receive(client, 100, deadline) == b"there"
            with pytest.raises(TimeoutError):
                tcp.receive(client, 100, time.monotonic() + 0.01)
        with pytest.raises(ConnectionResetError):
            tcp.receive(client, 100, deadline)
        client.close()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
def test_the_ipv6_wildcard_serves_both_families() -> None:
    listener = tcp.listen(bytes(16), 0, 5)
    with socket.create_connection(("127.0.0.1", listener.getsockname()[1])) as client:
        tcp.wait(listener.fileno(), select.POLLIN, time.monotonic() + 20)
        fd, address = tcp.accept(listener)
        assert tcp.packed(address) == bytes(10) + b"\xff\xff\x7f\0\0\1"
        assert address[1] == client.getsockname()[1]
        assert os.get_blocking(fd) and not os.get_inheritable(fd)
        os.close(fd)
    with pytest.raises(BlockingIOError):
        tcp.accept(listener)
    listener.close()
