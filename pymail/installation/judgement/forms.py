"""Rules about the control files one by one: names, form, who can read them, values that cannot be meant"""

import difflib
from collections.abc import Iterator

from pymail.formats import control
from pymail.formats.controlfiles import BY_NAME, LINE, LIST, MAP, NUMBER, SPAWN_LIMIT, ControlFile
from pymail.installation.judgement.facts import HINT, PROBLEM, Facts, Finding, some, text
from pysvc.formats.number import scan

ROLES = {
    "qmail-smtpd": "qmaild", "qmail-qmtpd": "qmaild", "tcpserver": "qmaild", "qmail-send": "qmails",
    "qmail-remote": "qmailr",
}  # fmt: skip
EVERYBODY = ("qmail-inject", "qmail-qmqpc", "all")  # readers that run as whoever starts them
ALIKE = 0.75  # likeness of names from which one may be meant for the other
HOUR, DAY = 3600, 86400
SMALL_MESSAGE = 10_000  # bytes


def unknown_files(facts: Facts) -> Iterator[Finding]:
    for name in sorted(facts.control):
        if name not in BY_NAME:
            near = difflib.get_close_matches(name.lower(), BY_NAME, 1, ALIKE)
            mend = f"rename it to {near[0]} if that is meant" if near else "move it elsewhere"
            yield Finding(HINT, f"control/{name} is no control file", "no program reads it", mend)


def unreadable_files(facts: Facts) -> Iterator[Finding]:
    for name, file in sorted(facts.control.items()):
        known = BY_NAME.get(name)
        who = [] if known is None else [r for r in known.readers.split() if not _may_read(facts, name, r)]
        if who:
            yield Finding(
                PROBLEM,
                f"control/{name} cannot be read by {some(who)}",
                "a program that cannot read its configuration refuses to work",
                f"chmod 644 {facts.home}/control/{name}",
            )
        elif file.content is None:
            yield Finding(
                HINT, f"control/{name} could not be read", "what it says was not judged", "check as root"
            )


def _may_read(facts: Facts, name: str, reader: str) -> bool:
    file = facts.control[name]
    if reader in EVERYBODY:
        alone = len(set(facts.ids.values())) == 1  # a private instance: its owner is everybody
        return bool(file.mode & 4) or (alone and file.readable_by(*facts.ids["qmails"]))
    role = ROLES.get(reader)
    return role not in facts.ids or file.readable_by(*facts.ids[role])


def file_forms(facts: Facts) -> Iterator[Finding]:
    for name, known in BY_NAME.items():
        file = facts.control.get(name)
        if file is not None and file.content is not None:
            if known.kind in (LINE, NUMBER, LIST, MAP):
                yield from _blanks(facts, known, file.content)
            if known.kind == LINE:
                yield from _line(facts, known, file.content)
            elif known.kind == NUMBER:
                yield from _number(facts, known, file.content)


def _blanks(facts: Facts, known: ControlFile, content: bytes) -> Iterator[Finding]:
    one_line = known.kind in (LINE, NUMBER)
    lines = [control.line(content)] if one_line else control.items(content)
    path = f"control/{known.name}"
    if any(line.endswith(b"\r") for line in lines):
        yield Finding(
            PROBLEM,
            f"{path} has lines that end with CR LF",
            "the CR counts as part of the value, so that names never match",
            f"sed -i 's/\\r$//' {facts.home}/{path}",
        )
    leading = [line for line in lines if line[:1] in (b" ", b"\t")]
    if leading:
        yield Finding(
            PROBLEM,
            f"{path} has blanks before `{text(leading[0].strip())}`",
            "blanks at the beginning of a line count, so that the value is another one",
            f"sed -i 's/^[ \\t]*//' {facts.home}/{path}",
        )


def _line(facts: Facts, known: ControlFile, content: bytes) -> Iterator[Finding]:
    value = control.line(content)
    path = f"control/{known.name}"
    if not value and known.name != "me":
        default = known.default if isinstance(known.default, bytes) else b""
        instead = "control/me" if known.me else f"the default, {text(default)},"
        yield Finding(
            PROBLEM,
            f"{path} has an empty first line",
            f"the empty value is used, not {instead} for: {known.meaning}",
            f"write the value into its first line, or remove {facts.home}/{path}",
        )
    elif value.startswith(b"#"):
        yield Finding(
            PROBLEM,
            f"{path} begins with `#`",
            "files of one line have no comments: that line is the value",
            f"remove the comment from {facts.home}/{path}",
        )


def _number(facts: Facts, known: ControlFile, content: bytes) -> Iterator[Finding]:
    value = control.number(content)
    path = f"control/{known.name}"
    mend = f"write a number alone into the first line of {facts.home}/{path}"
    first = control.line(content).removesuffix(b"\r")
    if value is None:
        effect = "no value" if known.default is None else f"the default, {known.default!r},"
        yield Finding(
            PROBLEM,
            f"{path} says `{text(first)}`, which does not begin with a digit",
            f"{effect} is used for: {known.meaning}",
            mend,
        )
        return
    rest = scan(first)[1]
    if rest:
        yield Finding(
            PROBLEM,
            f"{path} says `{text(first)}`, which means {value}",
            "only the digits at the beginning count; there are no units and no comments",
            mend,
        )
    verdict = _value(known.name, value)
    if verdict is not None:
        severity, why, wanted = verdict
        yield Finding(severity, f"{path} is {value}", why, f"write {wanted} into {facts.home}/{path}")


def _value(name: str, value: int) -> tuple[str, str, str] | None:
    """(severity, why it matters, what to write instead) for a number that can hardly be meant."""
    if name.startswith("concurrency"):
        if not value and name == "concurrencyincoming":
            return PROBLEM, "no client is let in", "20"
        if not value:
            return PROBLEM, "all deliveries of that kind are held", "a number above 0"
        if value > SPAWN_LIMIT and name != "concurrencyincoming":
            return HINT, f"never more than {SPAWN_LIMIT} deliveries run at a time", f"at most {SPAWN_LIMIT}"
    if name == "queuelifetime" and value < DAY:
        severity = PROBLEM if value < HOUR else HINT
        return severity, "mail bounces although the other host is down only for a while", "604800 (a week)"
    if name.startswith("timeout") and not value:
        return PROBLEM, "every conversation ends before it begins", "the seconds to wait, as 1200"
    if name == "databytes" and 0 < value < SMALL_MESSAGE:
        return HINT, "nearly every message is refused as too big", "the bytes of the biggest message, or 0"
    return None


RULES = (unreadable_files, file_forms, unknown_files)
