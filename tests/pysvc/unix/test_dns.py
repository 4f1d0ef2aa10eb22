"""Which servers and which names a look-up goes to; the packets have tests of their own"""

import errno
from pathlib import Path

import pytest

from pysvc.formats import dns as packets
from pysvc.formats import ip
from pysvc.unix import dns


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DNSCACHEIP", "DNSREWRITEFILE", "LOCALDOMAIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(dns, "RESOLV_CONF", str(tmp_path / "resolv.conf"))
    monkeypatch.setattr(dns, "REWRITE", str(tmp_path / "dnsrewrite"))


def quad(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("1.2.3.4.5.6.7.8", ["1.2.3.4", "5.6.7.8"]),
        ("..1.2.3.4...5.6.7.8", ["1.2.3.4", "5.6.7.8"]),
        ("1.2.3.4 5.6.7.8", ["1.2.3.4"]),
        ("1.2.3.4." * 20, ["1.2.3.4"] * 16),
        ("0.0.0.0.1.2.3.4", ["1.2.3.4"]),
    ],
)
def test_servers_of_the_environment(monkeypatch: pytest.MonkeyPatch, text: str, servers: list[str]) -> None:
    monkeypatch.setenv("DNSCACHEIP", text)
    assert dns.Resolver()._servers == [quad(server) for server in servers]


def test_ipv6_servers_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DNSCACHEIP", "::1 nonsense 2001:db8::53")
    assert [ip.text(server) for server in dns.Resolver()._servers] == [b"::1", b"2001:db8::53"]


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", ["127.0.0.1"]),
        ("nameserver 1.2.3.4\nnameserver\t \t5.6.7.8 x\n", ["1.2.3.4", "5.6.7.8"]),
        (" nameserver 1.2.3.4\nnameservers 1.2.3.4\nnameserver x\nnameserver ::1\n nameserver", ["::1"]),
        ("nameserver ::1\nnameserver 9.9.9.9", ["9.9.9.9"]),
        ("nameserver 0.0.0.0\nnameserver 9.9.9.9", ["9.9.9.9"]),
        ("nameserver 1.1.1.1\n" * 20, ["1.1.1.1"] * 16),
    ],
)
def test_servers_of_resolv_conf(text: str, servers: list[str]) -> None:
    Path(dns.RESOLV_CONF).write_text(text)
    expected = [bytes(15) + b"\1" if server == "::1" else quad(server) for server in servers]
    assert dns.Resolver()._servers == expected


def test_without_a_file_the_local_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dns.Resolver()._servers == [quad("127.0.0.1")]
    monkeypatch.setenv("DNSCACHEIP", "0.0.0.0")
    with pytest.raises(ConnectionRefusedError):
        dns.Resolver().name(quad("1.2.3.4"))


def test_rules_of_rewriting(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(dns.RESOLV_CONF).write_text("search a.example b.example\n")
    assert dns._rewrite_rules() == [b"?:+.a.example+.b.example", b"*.:"]
    monkeypatch.setenv("LOCALDOMAIN", "c.example")
    assert dns._rewrite_rules() == [b"?:+.c.example", b"*.:"]
    Path(dns.REWRITE).write_text("=a:b\t\n")
    assert dns._rewrite_rules() == [b"=a:b", b""]
    monkeypatch.setenv("DNSREWRITEFILE", "/nowhere")
    assert dns._rewrite_rules() == [b"?:+.c.example", b"*.:"]


def test_literals_and_impossible_names_ask_nobody() -> None:
    resolver = dns.Resolver()
    assert resolver.addresses(b"[127.0.0.1]") == [quad("127.0.0.1")]
    assert resolver.addresses(b"127.0.0.1", packets.AAAA) == []
    assert resolver.qualified(b"1.2.3.4.") == [quad("1.2.3.4")]
    with pytest.raises(OSError) as caught:
        resolver.addresses(b"x" * 64)
    assert caught.value.errno == errno.EPROTO
