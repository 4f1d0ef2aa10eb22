"""What follows from a host's name for the first control files; qmail config-fast.sh"""


def domains(fqdn: bytes) -> tuple[bytes, bytes]:
    """(defaultdomain, plusdomain): the name without its first label, and its last two labels.

    A name of one or two labels stands for both.
    """
    labels = fqdn.split(b".")
    if len(labels) < 3:
        return fqdn, fqdn
    return b".".join(labels[1:]), b".".join(labels[-2:])
