"""The states of a message, by which of its files exist

Source: qmail INTERNALS section 2. `+` exists, `-` does not, `?` may or may not.
"""

KINDS = ("mess", "intd", "todo", "info", "local", "remote", "bounce")


def _cells(signs: str) -> dict[str, bool | None]:
    meaning = {"+": True, "-": False, "?": None}
    return {kind: meaning[sign] for kind, sign in zip(KINDS, signs.split(), strict=True)}


# fmt: off
#                     mess intd todo info local remote bounce
STATES = {
    "S1": _cells("    -    -    -    -    -     -      -"),  # the number is free
    "S2": _cells("    +    -    -    -    -     -      -"),  # being received, or just finished with
    "S3": _cells("    +    +    -    -    -     -      -"),  # the envelope is being received
    "S4": _cells("    +    ?    +    ?    ?     ?      -"),  # queued: from here on never lost
    "S5": _cells("    +    -    -    +    ?     ?      ?"),  # preprocessed, in delivery
}
# fmt: on


def state(existing: "frozenset[str] | set[str]") -> str | None:
    """The state of a message of which exactly these kinds of file exist; None if it is none of the table."""
    for name, cells in STATES.items():
        if all(wanted is None or wanted == (kind in existing) for kind, wanted in cells.items()):
            return name
    return None
