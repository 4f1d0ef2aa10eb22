"""softlimit - run a program with lower resource limits

Synopsis:    softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes] [-l lockbytes]
             [-m membytes] [-o openfiles] [-p processes] [-r residentbytes] [-s stackbytes]
             [-t cpusecs] child
Options:     -a n  address space         -c n  core file             -d n  data segment
             -f n  size of a file        -l n  locked memory         -m n  -d, -s, -l and -a at once
             -o n  open files            -p n  processes of the user  -r n  resident memory
             -s n  stack                 -t n  seconds of CPU
             n is a decimal number, or `=` for the hard limit. Soft limits never exceed the hard ones,
             which stay as they are.
Exit codes:  100 wrong usage; 111 a limit cannot be set, or the program cannot be run;
             else the program's own

The memory limits (-a -d -l -m -s) are what the program may use for its work. A program of this
installation is an interpreter and code before it begins; so where softlimit starts one of these, each
of the limits is the figure plus what the process has mapped when that program's code is loaded. For
any other program the limit is the figure itself, as it always was; a limit that is too low for an
interpreter then keeps that program from starting programs of this installation.
"""

import resource

from pysvc.unix import chain
from pysvc.unix.options import BadOption, complaint, options
from pysvc.unix.strerr import Fatal, reason, unable_to, usage

LARGEST = (1 << 64) - 1  # as the kernel counts; it also means "no limit"
MEMORY = (resource.RLIMIT_DATA, resource.RLIMIT_STACK, resource.RLIMIT_MEMLOCK, resource.RLIMIT_AS)
RESOURCES = {
    "a": (resource.RLIMIT_AS,),
    "c": (resource.RLIMIT_CORE,),
    "d": (resource.RLIMIT_DATA,),
    "f": (resource.RLIMIT_FSIZE,),
    "l": (resource.RLIMIT_MEMLOCK,),
    "m": MEMORY,
    "o": (resource.RLIMIT_NOFILE,),
    "p": (resource.RLIMIT_NPROC,),
    "r": (resource.RLIMIT_RSS,),
    "s": (resource.RLIMIT_STACK,),
    "t": (resource.RLIMIT_CPU,),
}
MAPPED = {  # what counts against a limit, as /proc/self/status calls it
    resource.RLIMIT_AS: b"VmSize",
    resource.RLIMIT_DATA: b"VmData",
    resource.RLIMIT_STACK: b"VmStk",
    resource.RLIMIT_MEMLOCK: b"VmLck",
}


def main(argv: list[str]) -> int:
    operands = argv[1:]
    limits: list[tuple[int, int | None]] = []

    def prepare(in_process: bool) -> None:
        mapped = _mapped() if in_process and any(kind in MAPPED for kind, _ in limits) else {}
        for kind, figure in limits:
            _lower(kind, figure, mapped.get(kind, 0))

    try:
        _take(argv[0], operands, limits)
        if not operands:
            raise usage(__doc__)
        with unable_to(f"run {operands[0]}"):
            chain.run(operands, prepare=prepare)
    except Fatal:
        # The other limits do not matter to a message.
        for kind, figure in limits:
            if kind == resource.RLIMIT_FSIZE:
                _lower(kind, figure, 0)
        raise


def _take(argv0: str, operands: list[str], limits: list[tuple[int, int | None]]) -> None:
    """Take the options off; each adds its (resource, figure) to limits. None stands for the hard limit."""
    try:
        for letter, value in options(operands, "".join(f"{letter}:" for letter in RESOURCES)):
            limits += [(kind, _figure(value)) for kind in RESOURCES[letter]]
    except BadOption as bad:
        raise complaint(argv0, bad, usage(__doc__).line("softlimit")) from None


def _figure(value: str) -> int | None:
    if value == "=":
        return None
    if value.strip("0123456789"):
        raise usage(__doc__)
    figure = 0
    for digit in value:  # one by one: the interpreter refuses to convert very long ones
        figure = (figure * 10 + int(digit)) & LARGEST
    return figure


def _mapped() -> dict[int, int]:
    """The bytes that this process has mapped, by the limit against which they count."""
    with unable_to("read /proc/self/status"), open("/proc/self/status", "rb") as file:
        fields = dict(line.split(b":", 1) for line in file.read().splitlines())
    return {kind: int(fields[name].split()[0]) * 1024 for kind, name in MAPPED.items()}


def _lower(kind: int, figure: int | None, mapped: int) -> None:
    """Set one soft limit. Fatal if the kernel refuses."""
    call = "getrlimit"
    try:
        hard = resource.getrlimit(kind)[1] & LARGEST
        soft = hard if figure is None else min(figure + mapped, hard)
        call = "setrlimit"
        resource.setrlimit(kind, (_signed(soft), _signed(hard)))
    except OSError as error:
        raise Fatal(f"{call} failed: {reason(error)}") from None


def _signed(value: int) -> int:
    """A limit as the resource module takes it: the same 64 bits, with a sign."""
    return value - (1 << 64) if value >> 63 else value
