"""What a spawner tells qmail-send of a delivery, from its child's exit code and output

A report is a letter, K delivered, Z temporary or D permanent failure, and a text without zero bytes.
Exit codes are as waitstatus_to_exitcode gives them: negative for a signal.
Source: qmail-lspawn.c, qmail-rspawn.c, qlx.h; qmail-remote manual for what it prints.
"""

# Why a child of qmail-lspawn could not deliver; qmail-getpw ends with some of them, too.
USAGE, ROOT, NFS, NO_ALIAS, DATABASE, SYSTEM, MEMORY = 112, 113, 115, 116, 117, 118, 119
UNABLE_TO_RUN_NOW, UNABLE_TO_RUN_GETPW, UNABLE_TO_RUN = 120, 121, 126
FIXED = {
    USAGE: b"ZInternal qmail-lspawn bug.\n",
    ROOT: b"ZNot allowed to perform deliveries as root.\n",
    NFS: b"ZNFS failure in qmail-local.\n",
    NO_ALIAS: b"ZUnable to find alias user!\n",
    DATABASE: b"ZTrouble reading users/cdb in qmail-lspawn.\n",
    SYSTEM: b"ZTemporary failure in qmail-lspawn.\n",
    MEMORY: b"ZOut of memory in qmail-lspawn.\n",
    UNABLE_TO_RUN_NOW: b"ZUnable to run qmail-local.\n",
    UNABLE_TO_RUN_GETPW: b"ZUnable to run qmail-getpw.\n",
    UNABLE_TO_RUN: b"DUnable to run qmail-local.\n",
}
TEMPORARY_CODES = (71, 74, 75, 111)

LIMIT = 3000  # bytes of output of a local delivery that are kept
NOTICE = b"\nError report too long, sorry.\n"
SLACK = 3     # bytes that may follow the notice before it is due again


def cut(output: bytes) -> bytes:
    """The output of a local delivery so far, cut if it has grown too long."""
    if len(output) <= LIMIT:
        return output
    return output[: LIMIT - len(NOTICE) - SLACK] + NOTICE


def local(code: int, output: bytes) -> bytes:
    """The report for an end of qmail-lspawn's child."""
    if code < 0:
        return b"Zqmail-local crashed.\n"
    if code in FIXED:
        return FIXED[code]
    letter = b"K" if not code else b"Z" if code in TEMPORARY_CODES else b"D"
    return letter + output.partition(b"\0")[0]


_WORTH = {b"K": 1, b"Z": 0, b"D": -1}
_LETTER = {worth: letter for letter, worth in _WORTH.items()}
_RECIPIENT = {b"s": 0, b"h": -1}  # what a first report on the recipient is worth, whatever follows


def remote(code: int, output: bytes) -> bytes:
    """The report for an end of qmail-rspawn's child."""
    if code < 0:
        return b"Zqmail-remote crashed.\n"
    if code:
        return b"ZUnable to run qmail-remote.\n" if code == 111 else b"DUnable to run qmail-remote.\n"
    if not output:
        return b"Zqmail-remote produced no output.\n"
    return _combine(output)


def _combine(output: bytes) -> bytes:
    """Reports on the recipient (r, s, h), then one on the message (K, Z, D), each ended by a zero byte."""
    message = next((_WORTH[text[:1]] for text in output.split(b"\0")[:-1] if text[:1] in _WORTH), -1)
    result = _RECIPIENT.get(output[:1], message)
    text, ended, rest = output[1:].partition(b"\0")
    if not ended:
        return _LETTER[result]
    if message <= result and rest[:1] in _WORTH:
        text += rest[1:].partition(b"\0")[0]
    return _LETTER[result] + text
