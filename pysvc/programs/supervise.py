"""supervise - start a service and keep it running

Synopsis:    supervise dir

Starts dir/run in dir, and starts it again when it ends: at once, or one second after the last start if
it ended within that second. Commands come from svc; one that arrives in that second waits for its end.

Files:       run                  what is started: any program, without arguments
             down                 if it exists when supervise starts, the service waits for `svc -u`
             supervise/lock       locked as long as supervise lives
             supervise/control    fifo: one byte a command
             supervise/ok         fifo: supervise holds it open for reading
             supervise/status     18 bytes, replaced at each change
Exit codes:  0 `svc -x` was obeyed; 100 wrong usage; 111 cannot begin

Signals other than CHLD have their default effect: supervise dies, the service goes on unsupervised.

A run script that consists of `exec` and the plain words of one of this installation's programs is not
handed to /bin/sh: the program is run as the shell would run it, without the shell.

The supervise directory may belong to another user than the service's. Where lock, control, ok or
status.new is a link, or a fifo is none, supervise refuses instead of following.

Each of these files, if it exists when the service is started or dies, asks for more than daemontools had:

             finish               run after each death, before the next start, with the arguments exit
                                  code (256: by a signal), signal (0: none), dir, process group.
                                  Exit code 125: permanent failure, the service stays down
             timeout-finish       milliseconds until finish is killed; 0 never; without the file 5000
             permanent-failure    exit codes, ranges and signals (`100 110-120 SEGV`) of a run after which
                                  the service stays down until `svc -u` or `-o`
             down-signal          what `svc -d` sends instead of TERM, as name or number
             timeout-kill         milliseconds between that signal and KILL; 0 never
             flag-timeout-killpg  that KILL is for the process group
             backoff              `MAX [HEALTHY]`: seconds. After a run of less than HEALTHY (10) wait 1,
                                  after the next one 2, 4 ... up to MAX before starting it again.
                                  An end that svc asked for does not count, and `svc -u` does not wait
             notification-fd      a descriptor from 3 on; run writes a line to it when it is ready
             max-death-tally      how many deaths to remember (100, at most 4096)
             supervise/state      written then: what is going on, as text
             supervise/death_tally   written with max-death-tally: time and cause of each death

Where one of these exists, commands are obeyed within the second after a start too, and a start that was
asked for meanwhile comes when that second and finish are over. With finish or flag-timeout-killpg the
service runs in a session of its own: its process group may be killed.
"""

from pysvc import launch
from pysvc.supervision.keeper import Attend, Keeper
from pysvc.unix import descriptors
from pysvc.unix.strerr import unable_to, usage


def main(argv: list[str]) -> int:
    if len(argv) != 2:
        raise usage(__doc__)
    if not launch.has_standard():
        with unable_to(f"create pipe for {argv[1]}"):  # the first that the original opens
            descriptors.occupy_standard()
    keeper = Keeper(argv[1])
    try:
        keeper.keep()
    except Attend as found:
        death = found.death
    else:
        return 0
    from pysvc.supervision.attended import attend

    attend(keeper, death)
    return 0
