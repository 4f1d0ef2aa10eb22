"""Parsers of a service's files, of log scripts and of logs"""

import time

from pymail.formats import syslogline
from pysvc.engines import loglines
from pysvc.engines.supervisor import SIGNALS, Supervisor
from pysvc.formats import localtime, logname, logscript, runscript, servicefiles, state, status, tai64n, tally
from tests.fuzz.parser import KIB, Blocks, Parser, whole


def service_status(blocks: Blocks) -> object:
    data = whole(blocks)
    found = status.unpack(data)
    assert found.seconds(time.time_ns()) >= 0
    assert 0 <= found.pid < 2**32
    return None


def service_state(blocks: Blocks) -> object:
    data = whole(blocks)
    found = state.unpack(data)
    assert found.since >= 0
    assert 0 <= found.pid < 10**10
    shown = " ".join([found.doing, *([state.cause(found.death[1])] if found.death else [])])
    assert shown.isprintable()
    assert len(tally.add(data, 0, "111", 5).splitlines()) <= 5
    return None


def service_commands(blocks: Blocks) -> object:
    """What somebody writes into supervise/control."""
    actions = {*SIGNALS.values(), "CONT", "STOP", "announce", "start", "exit"}
    one = Supervisor(0, up=True)
    one.started(7, 0)
    for byte in whole(blocks):
        assert set(one.command(bytes([byte]))) <= actions
    return one


def service_files(blocks: Blocks) -> object:
    content = whole(blocks)
    complaints: list[str] = []
    for name in servicefiles.FILES:
        servicefiles.parse({name: content}, {15: "TERM", 1: "HUP"}, lambda name, why: complaints.append(why))
    assert all(complaints)
    found = runscript.parse(content)
    assert found is None or (found.words and all(found.words))
    return None


def log_script(blocks: Blocks) -> object:
    """The arguments are the lines of the input; the log is the same text."""
    text = whole(blocks)
    script = logscript.Script([*text.replace(b"\0", b"").split(b"\n"), b"./log"])
    lines = loglines.Lines(script)
    for block in blocks:
        batch = lines.take(block, b"@label ")
        assert len(batch.texts) == len(script.directories)
        assert all(logscript.alert(line).endswith(b"\n") for line in batch.alerts)
    return lines


def long_lines(blocks: Blocks) -> object:
    """Any text through a script that looks at every line."""
    script = logscript.Script([b"t", b"-*", b"+*a*b*", b"e", b"=status", b"./log"])
    lines, label = loglines.Lines(script), b"@%024x " % 1
    for block in blocks:
        lines.take(block, label)
    return lines


def log_times(blocks: Blocks) -> object:
    converter = localtime.Converter(time.gmtime)
    for rest, text in localtime.lines(iter(blocks), 1000):
        assert isinstance(rest, bytes)
        assert converter.convert(text).count(b"\n") == text.count(b"\n")
    return None


def log_names(blocks: Blocks) -> object:
    names = whole(blocks).split(b"\n")
    new = logname.name(10**18, logname.SAFE)
    assert logname.after(new, names)[25:] == b".s"
    assert set(logname.surplus(names, 3)) <= set(names)
    return None


def syslog_lines(blocks: Blocks) -> object:
    splitter = syslogline.Splitter()
    for block in blocks:
        for priority, text in splitter.feed(block, b"1.2"):
            assert priority in (syslogline.ALERT, syslogline.WARNING, syslogline.INFO)
            assert text.isascii()
    return splitter


STATUS = status.pack(status.Status(10**18, 99, True, b"u"))
STATE = (
    b"doing up\nsince @400000006553f10a075bcbf4\npid 7\nready @400000006553f10a075bcbf4\ndeath @4000 SEGV\n"
)

SERVICES = {
    "status": Parser(service_status, [STATUS], (b"\xff" * 12, bytes(8)), (status.BadFormat,)),
    "state": Parser(service_state, [STATE], (b"\n", b" ", b"@", b"death ", b"since ", b"\xb2")),
    "svc-commands": Parser(service_commands, [b"udoxpchaitk"], (b"\0", b"x"), holds=64),
    "service-files": Parser(service_files, [b"100 110-120 SEGV\n", b"#!/bin/sh\nexec a b \\\nc 2>&1\n",
                                            b"5 60\n"],
                            (b"-", b" ", b"\n", b"\\", b"9", b"SIGTERM", b"\xc2\xb2")),
    "log-script": Parser(log_script, [b"t\n-*\n+a*b\ne\n=s\n./l\ns9999\nn3\n!cat"],
                         (b"-", b"+", b"*", b"\n", b"e", b"=", b"(", b"[", b"\\")),
    "log-lines": Parser(long_lines, [b"a short line\nbab\n"], (b"a", b"b", b"\n", b"*"), holds=4 * KIB),
    "tai64nlocal": Parser(log_times, [tai64n.label(10**18) + b" x\n"], (b"@", b"4000", b"f", b"\n", b" ")),
    "log-names": Parser(log_names, [tai64n.label(10**18) + b".s\n@x\ncurrent"], (b"@", b"\n", b".",
                                                                                 b"f" * 24, b"_")),
    "syslog-lines": Parser(syslog_lines, [b"alert: x\nwarning: y\n"], (b"\n", b"alert:"), holds=2 * KIB),
}  # fmt: skip
