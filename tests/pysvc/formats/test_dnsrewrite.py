"""How a typed host name is qualified"""

import pytest

from pysvc.formats import dnsrewrite


@pytest.mark.parametrize(
    ("rule", "name", "expected"),
    [
        (b"=Mail:mail.example", b"mAIL", b"mail.example"),
        (b"=mail:mail.example", b"a.mail", b"a.mail"),
        (b"*.local:.example", b"a.b.LOCAL", b"a.b.example"),
        (b"?:.example", b"mail", b"mail.example"),
        (b"?:.example", b"mail.x", b"mail.x"),
        (b"?:.example", b"[mail", b"[mail"),
        (b"?.x:.y", b"mail.x", b"mail.y"),
        (b"-.bad:good.example", b"very.bad", b"good.example"),
        (b"*.:", b"mail.", b"mail"),
        (b"*.:", b"mail..", b"mail."),
        (b"*long.ending:x", b"ing", b"ing"),
        (b"no rule", b"mail", b"mail"),
        (b"=nocolon", b"nocolon", b"nocolon"),
        (b"+a:b", b"a", b"a"),
        (b"", b"a", b"a"),
    ],
)
def test_one_rule(rule: bytes, name: bytes, expected: bytes) -> None:
    assert dnsrewrite.rewrite(name, [rule]) == [expected]


def test_rules_apply_once_and_in_order() -> None:
    assert dnsrewrite.rewrite(b"a", [b"=a:b", b"=b:c", b"=a:d"]) == [b"c"]


def test_search_list() -> None:
    rules = dnsrewrite.from_words([b"one.example", b"two.example"])
    assert dnsrewrite.rewrite(b"mail", rules) == [b"mail.one.example", b"mail.two.example"]
    assert dnsrewrite.rewrite(b"mail.x", rules) == [b"mail.x"]
    assert dnsrewrite.rewrite(b"mail.", rules) == [b"mail"]


def test_resolv_conf() -> None:
    file = b"nameserver 1.2.3.4\n search no\nsearch\t a.example  b.example\ndomain c.example\n"
    assert dnsrewrite.from_resolv_conf(file) == [b"?:+.a.example+.b.example", b"*.:"]
    assert dnsrewrite.from_resolv_conf(b"domain c.example") == [b"?:+.c.example", b"*.:"]
    assert dnsrewrite.from_resolv_conf(b"searching x\n") is None


def test_host_name() -> None:
    assert dnsrewrite.from_host_name(b"mail.example.org") == [b"?:.example.org", b"*.:"]
    assert dnsrewrite.from_host_name(b"mail") == [b"*.:"]


def test_file() -> None:
    assert dnsrewrite.lines(b"=a:b \t\r\n\n?:.x") == [b"=a:b", b"", b"?:.x"]
