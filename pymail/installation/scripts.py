"""The run scripts of an installation: the document's own, or those of a private instance

The document's tree is `service/` at the top of the source, `pymail/service/` where it was installed
by pip. Both trees are the scripts as they are installed, but for the paths and names in them.
"""

import os
from pathlib import Path

from pymail.installation.options import ROOT_BIN, ROOT_HOME, Options

SERVICES = ("qmail-queued", "qmail-send", "qmail-smtpd", "qmail-pop3d")  # in the order of starting
_PACKAGE = Path(__file__).resolve().parents[1]
RC = """#!/bin/sh
# Using stdout for logging
# Using control/defaultdelivery from qmail-local to deliver messages by default
exec env - PATH="/var/qmail/bin:$PATH" \\
qmail-start "`cat /var/qmail/control/defaultdelivery`"
"""  # section 4.3 of the document


def _document_tree() -> Path:
    installed = _PACKAGE / "service"
    return installed if installed.is_dir() else _PACKAGE.parent / "service"


def document_scripts(options: Options) -> dict[str, bytes]:
    """The document's scripts for root's installation: path in the home -> content."""
    replaced = {
        "/var/log/qmail": options.log,
        "/etc/tcp.smtp": options.rules,
        ROOT_BIN: options.bin,
        ROOT_HOME: options.home,
        "FQDN": options.fqdn,
    }
    found = {"rc": _fill(RC, replaced)}
    for name, text in _tree(_document_tree()):
        found[f"supervise/{name}"] = _fill(text, replaced)
    return found


def private_scripts(options: Options) -> dict[str, bytes]:
    """The scripts of a private instance: path in the home -> content."""
    replaced = {
        "@HOME@": options.home,
        "@FQDN@": options.fqdn,
        "@LISTEN@": options.listen,
        "@SMTP_PORT@": str(options.smtp_port),
        "@POP3_PORT@": str(options.pop3_port),
    }
    private = Path(__file__).parent / "private_tree"
    found = {"rc": _fill((private / "rc").read_text(), replaced)}
    for name, text in _tree(private):
        found[f"supervise/{name}"] = _fill(text, replaced)
    return found


def _tree(base: Path) -> list[tuple[str, str]]:
    names = [f"{name}/{script}" for name in SERVICES for script in ("run", "log/run")]
    return [(name, (base / name).read_text()) for name in names]


def _fill(text: str, replaced: dict[str, str]) -> bytes:
    for old, new in replaced.items():
        text = text.replace(old, new)
    return os.fsencode(text)
