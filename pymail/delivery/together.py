"""Several messages delivered to one account together, as far as they just go into its Maildirs

They wait for the disk together. Whatever else a dot-qmail file asks for could keep the others waiting, and
whatever is wrong is qmail-local's to say: such deliveries are left for a process of their own.
"""

import os

from pymail.delivery import local, maildir
from pymail.delivery.instructions import SURVIVED, permitted
from pymail.delivery.maildir import Parcel
from pymail.delivery.message import Message
from pymail.formats.dotqmail import MAILDIR
from pymail.protocols import together
from pysvc.unix import signals
from pysvc.unix.strerr import Fatal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pymail.protocols.together import Outcome

DONE = 0, b"did 1+0+0\n"


def deliver(request: bytes, messages: list[int], default: bytes) -> bytes:
    """Answer a request, in a process that has become the account. default: the delivery for those without
    a dot-qmail file."""
    os.umask(0o077)
    for number in SURVIVED:
        signals.ignore(number)
    addresses = [local.Address([*operands, default]) for operands in together.operands(request)]
    parcels = [_parcel(*pair) for pair in zip(addresses, messages, strict=True)]
    maildir.deliver_all([parcel for parcel in parcels if parcel is not None])
    return together.answer(map(_outcome, parcels))


def _parcel(address: local.Address, fd: int) -> Parcel | None:
    """What goes into a Maildir, if that is all there is to do."""
    try:
        local.enter_home(address.home, False)
        message = Message(fd)
        local.refuse_loop(address, message)
        choice = local.choose(address)
        found = list(permitted(choice.instructions, choice.restricted))
    except Fatal:
        return None
    if [instruction.kind for instruction in found] != [MAILDIR]:
        return None
    folder = os.path.join(address.home, found[0].text)
    return Parcel(folder, address.return_path + address.delivered_to, message)


def _outcome(parcel: Parcel | None) -> "Outcome | None":
    if parcel is None:
        return None
    failure = parcel.failure
    return DONE if failure is None else (failure.code, os.fsencode(failure.text) + b"\n")
