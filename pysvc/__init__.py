"""pysvc: supervision, logging, chain-loading and TCP, in the tradition of daemontools and ucspi-tcp"""

import sys

__version__ = "0.1.0"

if sys.flags.no_site and sys.flags.isolated:
    # A launcher imports this first of all. An interrupt from here on ends the program as it would any
    # other: without the traceback that the interpreter would show. See unix.signals.undo_interpreter.
    import _signal

    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
