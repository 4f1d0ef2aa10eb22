"""Peers that lie, and servers that do not answer: what tcpserver believes, logs and hands to programs"""

import string

import pytest

from tests.support.lookups import CLIENT, Net, wire
from tests.support.world import Place

pytestmark = pytest.mark.root
SIX = ".".join("1" + "0" * 31) + ".ip6.arpa PTR"
HARMLESS = set(string.ascii_lowercase + string.digits + "-_.\\")
SHOW = ("sh", "-c", "env | grep -a '^\\(TCP.*HOST\\|TCP.*INFO\\|RULE\\)='")


def rules(place: Place, *lines: bytes) -> str:
    assert place.run("tcprules", "r.cdb", "tmp", stdin=b"\n".join(lines) + b"\n").returncode == 0
    return "r.cdb"


TRUSTED = (b'=mail.trusted.example:allow,RULE="host"', b'=.trusted.example:allow,RULE="domain"',
           b'=:allow,RULE="some host"', b':allow,RULE="default"')  # fmt: skip


def rule_for(
    place: Place, name: str, addresses: object = "nxdomain", options: str = "-p", *more: bytes
) -> str:
    """Which rule decides for a client whose address points to a name, and the name to addresses."""
    labels, rest = [], bytes.fromhex(name)
    while rest[0]:
        labels.append(rest[1 : 1 + rest[0]])
        rest = rest[1 + rest[0] :]
    zone: dict[str, object] = {CLIENT: [["PTR", name]], f"{b'.'.join(labels).decode('latin-1')} A": addresses}
    net = Net(
        place, "tcpserver", f"{options}Rlx", "-x", rules(place, *more, *TRUSTED), dns=[zone], program=SHOW
    )
    return net.variables["RULE"]


LIE = wire(b"mail", b"trusted", b"example")


def test_a_name_that_points_back_is_believed(place: Place) -> None:
    assert rule_for(place, LIE, [["A", "127.0.0.1"]]) == "host"


@pytest.mark.parametrize(
    "addresses",
    ["nxdomain", [["A", "192.0.2.1"]], [["AAAA", "::1"]], [["TXT", "127.0.0.1"]], "malformed", "short"],
)
def test_a_name_that_does_not_point_back_matches_nothing(place: Place, addresses: object) -> None:
    """Not even `=`, which stands for any client whose name is known."""
    assert rule_for(place, LIE, addresses) == "default"


def test_without_p_and_without_names(place: Place) -> None:
    assert rule_for(place, LIE, [["A", "192.0.2.1"]], "-P") == "host"
    assert rule_for(place, LIE, [["A", "127.0.0.1"]], "-H") == "default"


@pytest.mark.parametrize(
    "name",
    [
        wire(b"mail.trusted.example", b"evil"),        # a label with dots in it
        wire(b"x", b"mail.trusted.example"),
        wire(b"x.trusted", b"example"),
        wire(b"mail.trusted", b"example"),
        wire(b"mail\0", b"trusted\0", b"example"),
        wire(b"mailXtrusted", b"example"),
        wire(b"=mail", b"trusted", b"example\n"),
        wire(b"joe@=mail", b"trusted", b"example."),
        wire(b"\\056trusted", b"example"),
    ],
)  # fmt: skip
def test_names_that_only_look_like_others(place: Place, name: str) -> None:
    """Without -p, where the name counts as it is."""
    assert rule_for(place, name, options="-P") == "some host"


@pytest.mark.parametrize("name", ["", "127", "127.0", "127.0.0.1", "1.0.0.127", "10/8", "_01111111"])
def test_names_that_look_like_addresses(place: Place, name: str) -> None:
    """A name is never compared with rules for addresses."""
    traps = [
        f'{text}:allow,RULE="trap"'.encode() for text in ("127", "1.0.0.127", "10.0.0.0/8", "x@127.0.0.1")
    ]
    found = rule_for(place, wire(*filter(None, name.encode().split(b"."))), "nxdomain", "-P", *traps)
    assert found == "some host"


@pytest.mark.parametrize(
    "label", [b"\x1b]0;owned\x07", b"$(reboot)", b"`x`;'\"", b"a\nTCPREMOTEIP=1.2.3.4", b"\xff\0 x%:"]
)
def test_no_byte_of_a_name_means_anything(place: Place, label: bytes) -> None:
    net = Net(place, "tcpserver", "-Rv", dns=[{CLIENT: [["PTR", wire(label, b"example")]]}], program=SHOW)
    assert set(net.variables["TCPREMOTEHOST"]) <= HARMLESS
    assert set(net.variables["TCPLOCALHOST"]) <= HARMLESS
    assert all(" " < c <= "~" or c == " " for line in net.log for c in line)
    assert len([line for line in net.log if line.startswith("tcpserver: ok ")]) == 1


@pytest.mark.parametrize(
    ("reply", "info"),
    [
        ("a:b:c:() { :; }; reboot\n", "???:???reboot"),
        ("a:b:c:\x1b]0;x\x07\xff\n", "?]0?x??"),
        ("a:b:c:`x`$(y)\n", "?x???y?"),
        ("a:b:c:x\rTCPREMOTEIP=1.2.3.4\n", "xTCPREMOTEIP=1.2.3.4"),
    ],
)
def test_no_byte_of_an_ident_answer_means_anything(place: Place, reply: str, info: str) -> None:
    net = Net(place, "tcpserver", "-Hlx", ident=reply, program=SHOW)
    assert net.variables["TCPREMOTEINFO"] == info
    assert all(" " <= c <= "~" for line in net.log for c in line)


@pytest.mark.parametrize(
    "info",
    ["joe@127.0.0.9", "joe@=mail.trusted.example", "=mail.trusted.example", "127.0.0.9", "_01111111",
     "joe@127.0.0.9\0"],
)  # fmt: skip
def test_an_ident_answer_cannot_name_another_address(place: Place, info: str) -> None:
    traps = (
        b'joe@127.0.0.9:allow,RULE="trap"',
        b'127.0.0.9:allow,RULE="trap"',
        b'joe@=mail.trusted.example:allow,RULE="trap"',
    )
    net = Net(
        place,
        "tcpserver",
        "-Hlx",
        "-x",
        rules(place, *traps, *TRUSTED),
        ident=f"a:b:c:{info}\n",
        program=SHOW,
    )
    assert net.variables["RULE"] == "default"


def test_an_ident_server_that_never_stops(place: Place) -> None:
    net = Net(place, "tcpserver", "-Hlx", ident="a:b:c:" + "x" * 100000, program=SHOW)
    assert net.variables["TCPREMOTEINFO"] == "x" * 257


# --- IPv6


def ipv6(place: Place, *arguments: str, **more: object) -> Net:
    return Net(place, "tcpserver", *arguments, host="::", client=["::1", "::1"], program=SHOW, **more)  # type: ignore[arg-type]


def test_names_of_ipv6_ends(place: Place) -> None:
    net = ipv6(place, "-R", dns=[{SIX: [["PTR", wire(b"Six", b"example")]]}])
    assert net.variables == dict.fromkeys(
        ("TCPREMOTEHOST", "TCPLOCALHOST", "TCP6REMOTEHOST", "TCP6LOCALHOST"), "six.example"
    )
    assert net.queries == [[0, SIX, False]] * 2


@pytest.mark.parametrize(
    ("addresses", "kept"),
    [
        ([["AAAA", "2001:db8::1"], ["AAAA", "::1"]], True),
        ([["AAAA", "::2"]], False),
        ([["A", "127.0.0.1"]], False),
    ],
)
def test_paranoia_about_ipv6_clients(place: Place, addresses: object, kept: bool) -> None:
    zone = {SIX: [["PTR", wire(b"six")]], "six AAAA": addresses, "six A": [["A", "127.0.0.1"]]}
    assert ("TCPREMOTEHOST" in ipv6(place, "-Rplx", dns=[zone]).variables) is kept


def test_rules_of_networks_for_both_families(place: Place) -> None:
    path = rules(place, b'::/127:allow,RULE="six"', b'127/8:allow,RULE="four"', b":deny")
    assert ipv6(place, "-RHlx", "-x", path).variables["RULE"] == "six"
    net = Net(place, "tcpserver", "-RHlx", "-x", path, host="::", program=SHOW)
    assert net.variables["RULE"] == "four"


def test_an_ipv4_client_of_an_ipv6_socket_has_an_ipv4_name(place: Place) -> None:
    net = Net(place, "tcpserver", "-Rlx", host="::", dns=[{CLIENT: [["PTR", wire(b"four")]]}], program=SHOW)
    assert net.variables["TCPREMOTEHOST"] == "four"


# --- servers that do not answer cost one child


@pytest.mark.parametrize("trouble", ["dns", "ident", "client"])
def test_one_waits_and_the_next_is_served(place: Place, trouble: str) -> None:
    """The first client's look-ups hang, or it says nothing itself; the second's do not."""
    zone = {CLIENT: "silent"} if trouble == "dns" else {}
    silent = ["127.0.0.1 113"] if trouble == "ident" else []
    options = {"dns": "-Rlx", "ident": "-Hlx", "client": "-RHlx"}[trouble]
    program = ("sh", "-c", "test $TCPREMOTEIP = 127.0.0.2 || cat; echo RULE=served")
    net = Net(
        place, "tcpserver", options, dns=[zone], silent=silent, waiting=["127.0.0.1"], program=program,
        client=["127.0.0.1", "127.0.0.2"], oks=2 if trouble == "client" else 1,
    )  # fmt: skip
    assert net.variables == {"RULE": "served"}
    first_end = next(index for index, line in enumerate(net.log) if " end " in line)
    assert net.log[first_end + 1] == "tcpserver: status: 1/40"  # the first client is still there
    # each process writes its own line: they may come in any order
    ok = sorted(line.split()[4].split(":")[1] for line in net.log if line.startswith("tcpserver: ok "))
    assert ok == (["127.0.0.1", "127.0.0.2"] if trouble == "client" else ["127.0.0.2"])
