"""What tcpserver learns from DNS and IDENT, beside the C program; in a network namespace of its own"""

import pytest

from tests.support.lookups import CLIENT, Net, wire
from tests.support.tcp import both
from tests.support.world import Place

pytestmark = pytest.mark.root


@both
def test_names_of_both_ends(place: Place, server: str) -> None:
    net = Net(place, server, "-R", dns=[{CLIENT: [["PTR", wire(b"Mail", b"EXAMPLE")]]}])
    assert net.variables == {"TCPLOCALHOST": "mail.example", "TCPREMOTEHOST": "mail.example"}
    assert net.ends() == ["mail.example:127.0.0.1", "mail.example:127.0.0.1:"]
    assert net.queries == [[0, CLIENT, False]] * 2


@both
def test_the_local_name_is_looked_up_even_with_H(place: Place, server: str) -> None:
    net = Net(place, server, "-RH", dns=[{CLIENT: [["PTR", wire(b"here")]]}])
    assert net.variables == {"TCPLOCALHOST": "here"}


@both
@pytest.mark.parametrize("answer", ["nxdomain", [], [["TXT", "x"]], "malformed"])
def test_unknown_names_are_removed(place: Place, server: str, answer: object) -> None:
    stale = {"TCPLOCALHOST": "x", "TCPREMOTEHOST": "x", "TCPREMOTEINFO": "x"}
    net = Net(place, server, "-R", dns=[{CLIENT: answer}], env=stale)
    assert net.variables == {}
    assert net.ends() == [":127.0.0.1", ":127.0.0.1:"]


@both
def test_the_banner_comes_before_look_ups(place: Place, server: str) -> None:
    """Whose child is ended as soon as it asks; the C program's is then silent as well."""
    banner = ("-B", "BANNER=early\n")
    net = Net(place, server, "-Rlx", *banner, dns=[{CLIENT: "silent"}], signal=15, program=("env",))
    assert net.variables == {"BANNER": "early"}


@both
@pytest.mark.parametrize("answer", ["forged", "oversized"])
def test_packets_that_do_not_count(place: Place, server: str, answer: str) -> None:
    assert Net(place, server, "-Rlx", dns=[{CLIENT: answer}]).variables == {"TCPLOCALHOST": "x"}


@both
def test_odd_bytes_in_names(place: Place, server: str) -> None:
    net = Net(place, server, "-Rlx", dns=[{CLIENT: [["PTR", wire(b"a.b\xe9:%_-", b"C")]]}])
    assert net.variables["TCPREMOTEHOST"] == "a\\056b\\351\\072\\045_-.c"
    assert net.ends()[1] == "a\\056b\\351\\072\\045_-.c:127.0.0.1:"


@both
def test_long_answers_come_by_tcp(place: Place, server: str) -> None:
    long = [["TXT", "x" * 200]] * 20
    net = Net(place, server, "-Rlx", dns=[{CLIENT: {"tcp": [*long, ["PTR", wire(b"name")]]}}])
    assert net.variables["TCPREMOTEHOST"] == "name"
    assert net.queries == [[0, CLIENT, False], [0, CLIENT, True]]


@both
def test_the_next_server_is_asked_at_once(place: Place, server: str) -> None:
    dns: list[dict[str, object]] = [{CLIENT: "servfail"}, {CLIENT: [["PTR", wire(b"name")]]}]
    net = Net(place, server, "-Rlx", dns=dns)
    assert net.variables["TCPREMOTEHOST"] == "name"
    assert net.queries == [[0, CLIENT, False], [1, CLIENT, False]]


@both
def test_a_refusing_server_is_passed_over(place: Place, server: str) -> None:
    net = Net(place, server, "-Rlx", servers="127.0.0.99..127.0.0.10", dns=[{CLIENT: [["PTR", wire(b"n")]]}])
    assert net.variables["TCPREMOTEHOST"] == "n"


@both
@pytest.mark.parametrize(
    ("name", "addresses", "kept"),
    [
        (wire(b"good"), [["A", "192.0.2.1"], ["A", "127.0.0.1"]], True),
        (wire(b"bad"), [["A", "192.0.2.1"]], False),
        (wire(b"none"), "nxdomain", False),
        (wire(b"broken"), "malformed", False),
        (wire(b"127", b"0", b"0", b"1"), "nxdomain", True),
    ],
)
def test_paranoia(place: Place, server: str, name: str, addresses: object, kept: bool) -> None:
    labels = bytes.fromhex(name)
    text = labels[1 : 1 + labels[0]].decode()
    net = Net(place, server, "-Rplx", dns=[{CLIENT: [["PTR", name]], f"{text} A": addresses}])
    assert ("TCPREMOTEHOST" in net.variables) is kept
    if text == "127":
        assert net.queries == [[0, CLIENT, False]]


@both
@pytest.mark.parametrize(
    ("reply", "info"),
    [
        ("4000 , 25 : USERID : UNIX : joe\r\n", "joe"),
        ("a:b:c: j o\te:x\r\n", "joe:x"),
        ("4000 , 25 : ERROR : NO-USER\r\n", ""),
        ("a:b:c:jo\0e\n", "jo"),
        ("a:b:c:" + "x" * 300 + "\n", "x" * 257),
        ("a:b:c:joe", None),
        ("", None),
    ],
)
def test_ident(place: Place, server: str, reply: str, info: str | None) -> None:
    net = Net(place, server, "-Hlx", ident=reply, env={"TCPREMOTEINFO": "stale"})
    assert net.variables.get("TCPREMOTEINFO") == info
    line = next(line for line in net.log if line.startswith("tcpserver: ok "))
    local, remote = line.split()[3:]
    assert net.asked == [f"{remote.rpartition(':')[2]} , {local.rpartition(':')[2]}\r\n"]


@both
def test_nobody_to_ask_who_it_is(place: Place, server: str) -> None:
    assert Net(place, server, "-Hlx", env={"TCPREMOTEINFO": "stale"}).variables == {"TCPLOCALHOST": "x"}


@both
def test_rules_know_the_names(place: Place, server: str) -> None:
    rules = b'joe@=mail.example:allow,TCPX="user",TCPHOST="1"\n=.example:allow\n:deny\n'
    assert place.run("tcprules", "rules.cdb", "tmp", stdin=rules).returncode == 0
    dns: list[dict[str, object]] = [{CLIENT: [["PTR", wire(b"mail", b"example")]]}]
    net = Net(place, server, "-lx", "-x", "rules.cdb", dns=dns, ident="a:b:c:joe\n")
    assert net.variables["TCPHOST"] == "1"


@both
def test_an_empty_ident_answer_is_known(place: Place, server: str) -> None:
    assert place.run("tcprules", "r.cdb", "tmp", stdin=b'@127.0.0.1:allow,AHOST="1"\n:deny\n').returncode == 0
    net = Net(place, server, "-Hlx", "-x", "r.cdb", ident="a:b\n", program=("sh", "-c", "env | grep AHOST"))
    assert net.variables == {"AHOST": "1"}


@both
def test_sigterm_ends_a_child_that_looks_up(place: Place, server: str) -> None:
    net = Net(place, server, "-Rlx", dns=[{CLIENT: "silent"}], signal=15)
    assert next(line for line in net.log if line.startswith("tcpserver: end")).endswith(" status 0")


def fails(
    place: Place, server: str, host: str, dns: "dict[str, object]", **env: str
) -> "tuple[int, str, Net]":
    """Exit code and last words of a tcpserver that does not know where to listen."""
    net = Net(place, server, "-RHlx", host=host, dns=[dns], connect=False, env=env)
    return net.code, net.log[-1], net


@both
def test_localhost_comes_from_dns_alone(place: Place, server: str) -> None:
    code, said, _ = fails(place, server, "localhost", {}, LOCALDOMAIN="")
    assert (code, said) == (111, "tcpserver: fatal: no IP address for localhost")


@both
def test_a_host_whose_server_sends_nonsense(place: Place, server: str) -> None:
    code, said, _ = fails(place, server, "a.example", {"a.example A": "short"})
    why = "temporarily unable to figure out IP address for a.example: protocol error"
    assert (code, said) == (111, f"tcpserver: fatal: {why}")


@both
def test_hosts_are_qualified(place: Place, server: str) -> None:
    place.path.joinpath("rewrite").write_text("=old:new \n-.gone:new\n?:+.one+.two\n*.:\n")
    rewrite = str(place.path / "rewrite")
    for host, env, names in (
        ("mail", {"LOCALDOMAIN": "one.example two.example"}, ["mail.one.example", "mail.two.example"]),
        ("mail.x.", {"LOCALDOMAIN": "one.example"}, ["mail.x"]),
        ("OLD", {"DNSREWRITEFILE": rewrite}, ["new.one", "new.two"]),
        ("x.gone", {"DNSREWRITEFILE": rewrite}, ["new.one", "new.two"]),
        ("x.y", {"DNSREWRITEFILE": rewrite}, ["x.y"]),
    ):
        code, said, net = fails(place, server, host, {}, **env)
        assert (code, said) == (111, f"tcpserver: fatal: no IP address for {host}")
        asked = [str(name).removesuffix(" A") for _, name, _ in net.queries if str(name).endswith(" A")]
        assert asked == names


@pytest.mark.parametrize(("zone", "family"), [("A", "TCP"), ("AAAA", "TCP6")])
def test_a_host_with_an_address_of_either_kind(place: Place, zone: str, family: str) -> None:
    record = ["A", "127.0.0.1"] if zone == "A" else ["AAAA", "::ffff:127.0.0.1"]
    program = ("sh", "-c", "env | grep ^TCP.*IP")
    zones: list[dict[str, object]] = [{f"mail.example {zone}": [record]}]
    net = Net(place, "tcpserver", "-RHlx", host="mail.example", dns=zones, program=program)
    assert net.variables["TCPREMOTEIP"] == "127.0.0.1"
    assert f"{family}REMOTEIP" in net.variables
