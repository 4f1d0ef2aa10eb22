"""The first control files, written and told of as config and config-fast do

Source: qmail config.sh and config-fast.sh.
"""

import os

from pymail.formats.hostname import domains
from pymail.unix.controls import Controls
from pysvc.unix.files import write_all
from pysvc.unix.strerr import unable_to


def tell(text: str) -> None:
    """A line for the administrator."""
    with unable_to("write output"):
        write_all(1, os.fsencode(f"{text}\n"))


def put(controls: Controls, name: str, content: bytes) -> None:
    """Write a control file. Fatal if that fails."""
    with unable_to(f"write control/{name}"):
        controls.write(name, content)


def put_names(controls: Controls, fqdn: str) -> None:
    """me, defaultdomain and plusdomain, as they follow from the host's name."""
    name = os.fsencode(fqdn)
    for file, value in zip(("me", "defaultdomain", "plusdomain"), (name, *domains(name)), strict=True):
        tell(f"Putting {os.fsdecode(value)} into control/{file}...")
        put(controls, file, value + b"\n")
