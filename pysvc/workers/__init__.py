"""Processes that are kept for the next piece of work of the same kind

A spawner forks a process for each delivery. Where deliveries that need the same rights, or the same
connection, follow one another, the process can do the next one too: it is then a worker, and its kind is
its key, a user's ids for local deliveries, a host for remote ones.

In the spawner a pool.Pool gives each piece of work to a worker of its key that has nothing to do, or to a new
one; nobody ever waits for a busy worker. In the worker a worker.Channel brings the work and takes its answer:

    def body(channel: Channel) -> int:        # in the new process, which holds nothing but its channel
        become(...)
        return serve(channel, "qmail-x", lambda request: do(request))

    pool.give(Work(key, request, body), (message, output), done)

A pair of sockets is between the two. The request travels with its descriptors (SCM_RIGHTS), after a byte
that counts them; the answer begins with the exit code, one byte, and whatever comes that way is believed to
be nothing else: the worker may by now belong to a user. A worker ends when its end of the pair says so, that
is when it has waited too long, has worked enough, or the spawner is gone; an end of its own counts as the
crash of its delivery.
"""
