"""What an answer of DNS means, on answers made in memory"""

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from pymail.unix.dns import Lookups, Temporary, Unknown, system_resolver


class Answering:
    """Stands for a resolver: gives one answer, or raises, and remembers the names asked for."""

    def __init__(self, result: "list[str] | Exception") -> None:
        self.result = result
        self.asked: list[tuple[dns.name.Name, str]] = []

    def resolve(self, name: dns.name.Name, kind: str, **_: object) -> dns.resolver.Answer:
        self.asked.append((name, kind))
        if isinstance(self.result, Exception):
            raise self.result
        query = dns.message.make_query(name, kind)
        response = dns.message.make_response(query)
        for line in self.result:
            owner, record_kind, data = line.split(" ", 2)
            response.answer.append(dns.rrset.from_text(owner, 60, "IN", record_kind, data))
        message = dns.message.from_wire(response.to_wire())
        assert isinstance(message, dns.message.QueryMessage)
        return dns.resolver.Answer(name, query.question[0].rdtype, query.question[0].rdclass, message)


def lookups(*lines: str) -> Lookups:
    return Lookups(Answering(list(lines)))  # type: ignore[arg-type]


def failing(error: Exception) -> Lookups:
    return Lookups(Answering(error))  # type: ignore[arg-type]


def test_exchangers() -> None:
    found = lookups("x. MX 20 b.example.", "x. MX 10 A.example.", "x. MX 0 .").exchangers(b"x")
    assert sorted(found) == [(0, b""), (10, b"A.example"), (20, b"b.example")]


def test_addresses_in_the_order_of_the_answer() -> None:
    found = lookups("x. A 192.0.2.9", "x. A 192.0.2.1").addresses(b"x")
    assert found == [bytes((192, 0, 2, 9)), bytes((192, 0, 2, 1))]


def test_behind_an_alias() -> None:
    answer = lookups("x.example. CNAME y.example.", "y.example. A 192.0.2.9")
    assert answer.addresses(b"x.example") == [bytes((192, 0, 2, 9))]


def test_an_alias_alone_is_an_empty_answer() -> None:
    answer = lookups("x.example. CNAME y.example.")
    assert answer.addresses(b"x.example") == []
    assert answer.exchangers(b"x.example") == []


def test_no_data() -> None:
    with pytest.raises(Unknown):
        lookups().addresses(b"x")
    with pytest.raises(Unknown):
        lookups().exchangers(b"x")


@pytest.mark.parametrize("error", [dns.resolver.NXDOMAIN(), dns.resolver.YXDOMAIN()])
def test_no_such_name(error: Exception) -> None:
    with pytest.raises(Unknown):
        failing(error).addresses(b"x")


@pytest.mark.parametrize(
    "error",
    [
        dns.resolver.LifetimeTimeout(timeout=1.0, errors=[]), dns.resolver.NoNameservers(),
        dns.exception.FormError(), ConnectionRefusedError(),
    ],
)  # fmt: skip
def test_nobody_can_tell(error: Exception) -> None:
    with pytest.raises(Temporary):
        failing(error).exchangers(b"x")


@pytest.mark.parametrize("host", [b"", b"a..b", b".a", b"x" * 64, b"a." * 130, b"..."])
def test_no_such_name_can_exist(host: bytes) -> None:
    resolver = Answering([])
    with pytest.raises(Unknown):
        Lookups(resolver).addresses(host)  # type: ignore[arg-type]
    assert resolver.asked == []


@pytest.mark.parametrize("host", [b"Heaven.Example", b"heaven.example."])
def test_names_are_absolute(host: bytes) -> None:
    resolver = Answering(["heaven.example. A 192.0.2.1"])
    Lookups(resolver).addresses(host)  # type: ignore[arg-type]
    ((name, kind),) = resolver.asked
    assert (name, kind) == (dns.name.from_text("heaven.example."), "A")


@pytest.mark.parametrize("host", [b"caf\xc3\xa9.example", b"a\\b.example", b"a b.example", b"\xff", b"*"])
def test_strange_names_are_asked_for_as_they_are(host: bytes) -> None:
    resolver = Answering(dns.resolver.NXDOMAIN())
    with pytest.raises(Unknown):
        Lookups(resolver).addresses(host)  # type: ignore[arg-type]
    assert resolver.asked[0][0].labels == (*host.split(b"."), b"")


def test_the_resolver_of_the_system() -> None:
    assert system_resolver().nameservers
