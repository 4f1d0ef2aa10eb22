"""What became of a message: delivered, temporary or permanent failure, in each program's spelling

The texts for qmail-queue's exit codes are those of qmail.c; callers and log analysers match them.
"""

DELIVERED, PERMANENT, TEMPORARY = 0, 100, 111

# qmail-queue's exit codes, qmail-queue manual. 11 to 40 are permanent, all others temporary.
QUEUE_CODES = {
    11: b"Denvelope address too long for qq (#5.1.3)",
    31: b"Dmail server permanently rejected message (#5.3.0)",
    51: b"Zqq out of memory (#4.3.0)",
    52: b"Zqq timeout (#4.3.0)",
    53: b"Zqq write error or disk full (#4.3.0)",
    54: b"Zqq read error (#4.3.0)",
    55: b"Zqq unable to read configuration (#4.3.0)",
    56: b"Zqq trouble making network connection (#4.3.0)",
    61: b"Zqq trouble in home directory (#4.3.0)",
    62: b"Zqq trouble creating files in queue (#4.3.0)",
    63: b"Zqq trouble creating files in queue (#4.3.0)",
    64: b"Zqq trouble creating files in queue (#4.3.0)",
    65: b"Zqq trouble creating files in queue (#4.3.0)",
    66: b"Zqq trouble creating files in queue (#4.3.0)",
    71: b"Zmail server temporarily rejected message (#4.3.0)",
    72: b"Zconnection to mail server timed out (#4.4.1)",
    73: b"Zconnection to mail server rejected (#4.4.1)",
    74: b"Zcommunication with mail server failed (#4.4.2)",
    81: b"Zqq internal bug (#4.3.0)",
    91: b"Zqq internal bug (#4.3.0)",
    115: b"Denvelope address too long for qq (#5.1.3)",
    120: b"Zunable to exec qq (#4.3.0)",
}
CRASHED = b"Zqq crashed (#4.3.0)"
SURPRISE = b"Zqq waitpid surprise (#4.3.0)"
CUSTOM = 82           # the program wrote its own text, class letter first, on descriptor 6
LONGEST_CUSTOM = 255  # bytes of that text that count


def queue_text(code: int, custom: bytes = b"") -> bytes:
    """The class letter (D permanent, Z temporary) and text for an exit code of a queue program.

    Empty for 0. custom: what it wrote on descriptor 6; CR, LF and NUL in it become spaces, because
    it will stand in a reply or a log line.
    """
    if not code:
        return b""
    if code == CUSTOM and len(custom) > 2 and custom[:1] in (b"D", b"Z"):
        return custom[:LONGEST_CUSTOM].translate(bytes.maketrans(b"\r\n\0", b"   ")).rstrip(b" ")
    if code in QUEUE_CODES:
        return QUEUE_CODES[code]
    return b"Dqq permanent problem (#5.3.0)" if 11 <= code <= 40 else b"Zqq temporary problem (#4.3.0)"


def exit_code(text: bytes) -> int:
    """The exit code by which a program passes on a text: b"" 0, D… 100, Z… 111."""
    return DELIVERED if not text else PERMANENT if text.startswith(b"D") else TEMPORARY
