"""Run scripts that do nothing but exec one program

    #!/bin/sh
    # comments and blank lines
    exec /usr/local/bin/setuidgid qmaill /usr/local/bin/multilog t \\
    /var/log/qmail 2>&1

For such a script a shell is read in, started and replaced at once: 3 MB and 8 ms for nothing. What is
recognised here has one meaning in every sh. Anything with a quote, an expansion, a second command, another
redirection, or a line that is not ended yet (somebody may be writing it) is the shell's business.
"""

INTERPRETER = b"#!/bin/sh\n"
LITERAL = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,+@%=")
BLANKS = b" \t"
REDIRECTION = b"2>&1"


class Exec:
    """words: the program and its arguments; stderr_to_stdout: whether `2>&1` ends the command."""

    __slots__ = ("stderr_to_stdout", "words")

    def __init__(self, words: list[bytes], stderr_to_stdout: bool) -> None:
        self.words, self.stderr_to_stdout = words, stderr_to_stdout


def parse(script: bytes) -> Exec | None:
    """What the script execs; None where only a shell can tell."""
    if not script.startswith(INTERPRETER) or not script.endswith(b"\n"):
        return None
    lines = _logical_lines(script[len(INTERPRETER) : -1].split(b"\n"))
    commands = [line for line in lines if line.strip(BLANKS) and not line.lstrip(BLANKS).startswith(b"#")]
    return _command(commands[0]) if len(commands) == 1 else None


def _logical_lines(lines: list[bytes]) -> list[bytes]:
    """Join what a backslash before the newline continues; in a comment it continues nothing."""
    joined: list[bytes] = []
    pending = b""
    for line in lines:
        pending += line
        if line.endswith(b"\\") and not pending.lstrip(BLANKS).startswith(b"#"):
            pending = pending[:-1]
            continue
        joined.append(pending)
        pending = b""
    # A last line that is continued by nothing: kept with a byte that no command may have.
    return [*joined, pending + b"\\"] if pending else joined


def _command(line: bytes) -> Exec | None:
    words = line.replace(b"\t", b" ").split(b" ")
    words = [word for word in words if word]
    redirected = words[-1] == REDIRECTION
    if redirected:
        words.pop()
    if len(words) < 2 or words[0] != b"exec" or words[1].startswith(b"-"):
        return None
    if not all(LITERAL.issuperset(word) for word in words):
        return None
    return Exec(words[1:], redirected)
