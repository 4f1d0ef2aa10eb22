"""How a host name that somebody typed becomes the names to look up

A list of rules rewrites the name, each rule once and in order:

    =POST:NEW   the whole name is POST: it becomes NEW
    *POST:NEW   the name ends in POST: that ending becomes NEW
    ?POST:NEW   the same, if what stands before POST has no dot and no bracket
    -POST:NEW   the name ends in POST: the whole name becomes NEW

A `+` in the result begins each of several endings to be tried in turn. Source: the djbdns manual,
"How to qualify short host names".
"""

FINAL_DOT = b"*.:"  # removes one
KINDS = b"=*?-"


def lines(file: bytes) -> list[bytes]:
    """The rules of an /etc/dnsrewrite file."""
    return [line.rstrip(b" \t\r") for line in file.split(b"\n")]


def from_words(words: list[bytes]) -> list[bytes]:
    """The rules that a search list stands for: names without a dot get each domain in turn."""
    return [b"?:" + b"".join(b"+." + word for word in words), FINAL_DOT]


def from_resolv_conf(file: bytes) -> list[bytes] | None:
    """The rules of the first `search` or `domain` line; None if there is none."""
    for line in file.split(b"\n"):
        if line[:6] in (b"search", b"domain") and line[6:7] in (b" ", b"\t"):
            return from_words(line[7:].replace(b"\t", b" ").split())
    return None


def from_host_name(name: bytes) -> list[bytes]:
    """The rules that the host's own name gives."""
    _, dot, domain = name.partition(b".")
    return [b"?:." + domain, FINAL_DOT] if dot else [FINAL_DOT]


def rewrite(name: bytes, rules: list[bytes]) -> list[bytes]:
    """The names to look up, in order, until one has addresses."""
    for rule in rules:
        name = _apply(name, rule)
    base, *endings = name.split(b"+")
    return [base + ending for ending in endings] or [base]


def _apply(name: bytes, rule: bytes) -> bytes:
    ending, colon, new = rule[1:].partition(b":")
    kind = rule[:1]
    if not kind or kind not in KINDS or not colon or not name.lower().endswith(ending.lower()):
        return name
    before = name[: len(name) - len(ending)]
    if kind == b"-":
        return new
    if kind == b"?" and len(before.translate(None, b".[]")) < len(before):
        return name
    if kind == b"=" and before:
        return name
    return before + new
