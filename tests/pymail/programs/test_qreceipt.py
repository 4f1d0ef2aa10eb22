"""qreceipt as a process"""

import pytest

from tests.support.capture import Capture
from tests.support.world import Place

WISH = b"Notice-Requested-Upon-Delivery-To: "


def run(place: Place, message: bytes, sender: str = "a b@c", **env: str) -> tuple[int, bytes]:
    done = place.run("qreceipt", "joe@here", stdin=message, env={"SENDER": sender, **env})
    assert done.stdout == b""
    return done.returncode, done.stderr


def test_notice(place: Place) -> None:
    capture = Capture(place)
    message = WISH + b"Joe <joe@here>\nMessage-Id: <1@x>\nmessage-ID :\n <2@x>\n\nbody\n"
    assert run(place, message, **capture.env) == (0, b"")
    assert capture.envelope == (b"", [b"a b@c"])
    assert capture.message == (
        b'From: DELIVERY NOTICE SYSTEM <"a b"@c>\nTo: <"a b"@c>\nSubject: success notice\n\n'
        b"Hi! This is the qreceipt program. Your message was delivered to the\n"
        b"following address: joe@here. Thanks for asking.\nYour message-ID :\n <2@x>\n"
    )


def test_notice_about_a_message_without_id(place: Place) -> None:
    capture = Capture(place)
    assert run(place, WISH.lower() + b'x, "joe"@here (me)', **capture.env) == (0, b"")
    assert capture.message.endswith(b"Thanks for asking.\n")


@pytest.mark.parametrize(
    ("field", "sender"),
    [
        (WISH + b"Joe@here", "a@b"),                 # the case matters
        (WISH + b"joe", "a@b"),                      # nothing is completed
        (WISH + b"joe@here", ""), (WISH + b"joe@here", "#@[]"),
        (b"To: joe@here", "a@b"), (b"\n" + WISH + b"joe@here", "a@b"),
    ],
)  # fmt: skip
def test_no_notice(place: Place, field: bytes, sender: str) -> None:
    assert run(place, field + b"\n\n", sender=sender, QMAILQUEUE="/nonexistent") == (0, b"")


def test_any_of_several(place: Place) -> None:
    capture = Capture(place)
    message = WISH + b"x@y\n" + WISH + b"y@z,joe@here\n" + WISH + b"last@x\n\n"
    assert run(place, message, **capture.env) == (0, b"")
    assert capture.envelope == (b"", [b"a b@c"])


@pytest.mark.parametrize("value", [b"a; b;\n", b"(\n", b"x\n y)z]\n )\n"])
def test_unparsable(place: Place, value: bytes) -> None:
    """Said also where no notice would be sent."""
    text = b"qreceipt: fatal: unable to parse this: " + WISH + value
    assert run(place, WISH + b"joe@here\n" + WISH + value + b"\n", sender="") == (100, text)


@pytest.mark.parametrize(
    ("ending", "code", "kind"), [("exit 31", 100, "permanent"), ("exit 53", 111, "temporary")]
)
def test_queue_errors(place: Place, ending: str, code: int, kind: str) -> None:
    env = Capture(place, ending).env
    text = f"qreceipt: fatal: {kind} qmail-queue error\n".encode()
    assert run(place, WISH + b"joe@here\n\n", **env) == (code, text)


def test_usage(place: Place) -> None:
    text = b"qreceipt: usage: qreceipt deliveryaddress\n"
    for words, env in (([], {"SENDER": "x"}), (["x"], {})):
        done = place.run("qreceipt", *words, env=env)
        assert (done.returncode, done.stderr) == (100, text)


def test_unreadable_message(place: Place) -> None:
    done = place.run("sh", "-c", 'exec "$@" 0>/dev/null', "sh", str(place.world.bin / "qreceipt"), "x",
                     env={"SENDER": "x"})  # fmt: skip
    assert (done.returncode, done.stderr) == (111, b"qreceipt: fatal: read error\n")
