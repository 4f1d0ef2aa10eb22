"""Headers that are made up: the exact result is known because each part was chosen together with it"""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymail.engines.inject import Injection
from pymail.formats.header import Reader

HOSTS = {"defaulthost": b"host.x", "defaultdomain": b"dom", "plusdomain": b"plus.x", "idhost": b"id.x"}
NOW, PID = 810362813, 77  # 1995-09-06 04:46:53
LINE = 78
REST = b"Date: d\nMessage-ID: i\nFrom: f@f.f\n"  # nothing is to be added but what the test is about

# as it is typed, in the envelope, as it is printed
BOXES = [("joe", "joe", "joe"), ("a.b", "a.b", "a.b"), ("x-Y+%z", "x-Y+%z", "x-Y+%z"),
         ("j . d", "j.d", "j.d"), ('"a b"', "a b", '"a b"'), (r'"q\"q"', 'q"q', r'"q\"q"'),
         ('""', "", '""'), ("caf\xe9", "caf\xe9", '"caf\xe9"')]  # fmt: skip
HOST_PARTS = [("", "@host.x"), ("@h", "@h.dom"), ("@ h", "@h.dom"), ("@h+", "@h.plus.x"),
              ("@h.org", "@h.org"), ("@H.org+", "@H.org.plus.x"), ("@h.org.", "@h.org"), ("@h.", "@h.dom"),
              ("@", "@host.x"), ("@[127.0.0.1]", "@[127.0.0.1]"), ("@g@h.org", "@g@h.org")]  # fmt: skip
WORDS = [("Joe", "Joe"), ("van", "van"), ('"de, Mol"', '"de, Mol"'), ("J\xfcrgen", '"J\xfcrgen"')]


class Item:
    """A part of a list: as it is typed, its addresses from left to right, as it is printed.

    An entry of `printed` ends where the line may be broken: at a comma.
    """

    def __init__(self, typed: str, addresses: list[str], printed: list[str]) -> None:
        self.typed, self.addresses, self.printed = typed, addresses, printed

    def __repr__(self) -> str:
        return self.typed


@st.composite
def addresses(draw: st.DrawFn) -> Item:
    typed, box, printed = draw(st.sampled_from(BOXES))
    host_typed, host = draw(st.sampled_from(HOST_PARTS))
    return Item(typed + host_typed, [box + host], [printed + host])


PLAIN = addresses()
COMMENTED = PLAIN.map(lambda a: Item(f"{a.typed} (a (b) c)", a.addresses, [f"{a.printed[0]} (a b c)"]))
BRACKETS = PLAIN.map(lambda a: Item(f"<{a.typed}>", a.addresses, [f"<{a.printed[0]}>"]))
ROUTED = PLAIN.filter(lambda a: "@" in a.typed).map(
    lambda a: Item(f"<@r,@s.t:{a.typed}>", a.addresses, [f"<{a.printed[0]}>"])
)
EMPTY = st.just(Item("<>", [""], ["<>"]))


@st.composite
def named(draw: st.DrawFn) -> Item:
    address, words = draw(PLAIN), draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3))
    typed, printed = (" ".join(spelling) for spelling in zip(*words, strict=True))
    return Item(f"{typed}<{address.typed}>", address.addresses, [f"{printed} <{address.printed[0]}>"])


ONES = st.one_of(PLAIN, COMMENTED, BRACKETS, ROUTED, EMPTY, named())


@st.composite
def groups(draw: st.DrawFn) -> Item:
    members = draw(st.lists(ONES, max_size=4))
    inner = joined(members, ";")
    typed = f"friends:{','.join(member.typed for member in members)};"
    return Item(typed, inner.addresses, [f"friends: {inner.printed[0]}", *inner.printed[1:]])


def joined(items: list[Item], end: str = "") -> Item:
    """The items of a list with commas between them, and what follows the last one."""
    printed: list[str] = []
    for item in items:
        printed += [*item.printed[:-1], f"{item.printed[-1]},"]
    printed = [*printed[:-1], printed[-1].removesuffix(",") + end] if printed else [end]
    return Item("", [address for item in items for address in item.addresses], printed)


LISTS = st.lists(st.one_of(ONES, groups()), min_size=1, max_size=9)
COMMAS = st.sampled_from([",", ", ", " ,\n\t", ",\r\n "])


def folded(name: str, parts: list[str]) -> str:
    """A field: parts on a line as long as they fit."""
    lines = [f"{name}: {parts[0]}"]
    for part in parts[1:]:
        if len(lines[-1]) + 1 + len(part) <= LINE:
            lines[-1] += f" {part}"
        else:
            lines.append(f"  {part}")
    return "\n".join(lines) + "\n"


def inject(header: bytes, **env: str) -> Injection:
    variables = {name.encode(): value.encode() for name, value in {"USER": "joe", **env}.items()}
    injection = Injection(variables, HOSTS, NOW, PID, None)
    reader = Reader()
    reader.feed(header)
    reader.end()
    for name, field in reader.fields:
        injection.field(name, field)
    return injection


@given(st.data(), st.lists(st.sampled_from(["To", "cc", "Bcc", "Apparently-To"]), min_size=1, max_size=3))
def test_any_list_of_addresses(data: st.DataObject, names: list[str]) -> None:
    """Recipients in the order of fields, those of one from its end; the field as it is printed, folded."""
    typed, recipients, printed = "To: t@t.t\n", ["t@t.t"], "To: t@t.t\n"
    for name in names:
        items = data.draw(LISTS)
        comma = data.draw(COMMAS)
        whole = joined(items)
        typed += f"{name}:{comma.join(item.typed for item in items)}\n"
        recipients += reversed(whole.addresses)
        if name != "Bcc":
            printed += folded(name, whole.printed)
    injection = inject(REST + typed.encode("latin-1"))
    assert injection.recipients("h") == [address.encode("latin-1") for address in recipients]
    assert injection.header() == REST + printed.encode("latin-1")


@given(LISTS)
def test_what_was_completed_stays_as_it_is(items: list[Item]) -> None:
    """Injected once more, as by a mailing list, a message is the same."""
    header = REST + b"To:" + ",".join(item.typed for item in items).encode("latin-1") + b"\n"
    once = inject(header).header()
    assert inject(once).header() == once


FLAGS = ["".join(letters) for size in range(7) for letters in itertools.combinations("csfirm", size)]


@pytest.mark.parametrize("flags", FLAGS)
def test_every_set_of_letters(flags: str) -> None:
    """QMAILINJECT; another letter than these means nothing."""
    header = b"Return-Path: <r@r.r>\nMessage-ID: <mine>\nFrom: f@f.f\nDate: d\nTo: t@t.t\n"
    injection = inject(header, QMAILINJECT=f"x{flags}", QMAILNAME="Joe")
    name = b"From: joe@host.x (Joe)\n" if "c" in flags else b'From: "Joe" <joe@host.x>\n'
    expected = b"Message-ID: <19950906044653.77.qmail@id.x>\n" if "i" in flags else b""
    expected += name if "f" in flags else b""
    expected += b"" if "i" in flags else b"Message-ID: <mine>\n"
    expected += b"" if "f" in flags else b"From: f@f.f\n"
    assert injection.header() == expected + b"Date: d\nTo: t@t.t\n"
    box = b"joe" + b"-810362813.77" * ("m" in flags) + b"-" * ("r" in flags)
    sender = b"r@r.r" if "s" not in flags else box + b"@host.x"
    assert injection.sender() == sender + b"-@[]" * ("r" in flags)


NAMES = ["Date", "Message-ID", "From", "To", "Cc", "Sender", "Reply-To", "Subject", "X-Y"]


@given(st.lists(st.sampled_from(NAMES + [f"Resent-{name}" for name in NAMES]), unique=True))
def test_what_is_added(names: list[str]) -> None:
    """Whichever fields there are: what is missing comes first, in its order, under one prefix."""
    header = "".join(f"{name}: x@y.z\n" for name in names).encode()
    resent = any(f"Resent-{name}" in names for name in NAMES[:7])
    prefix = "Resent-" if resent else ""
    missing = [f"{prefix}{name}" for name in ("Date", "Message-ID", "From") if f"{prefix}{name}" not in names]
    if f"{prefix}To" not in names and f"{prefix}Cc" not in names:
        missing.append(f"{prefix}Cc")
    result = inject(header).header()
    assert result.endswith(header)
    new = result[: len(result) - len(header)].decode().splitlines()
    assert [line.partition(":")[0] for line in new] == missing
    recipients = [f"{prefix}{name}" for name in ("To", "Cc") if f"{prefix}{name}" in names]
    assert inject(header).recipients("h") == [b"x@y.z"] * len(recipients)
