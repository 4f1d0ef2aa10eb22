"""What qmail-send has made durable before it goes on

Removing something, or marking it, is the last that is heard of it; so whatever takes its place must
have reached the disk before: the files by fsync, their names by fsync of the directory. qmail-queue's
steps are in queue.enqueue_steps; qmail-clean confirms nothing in todo as removed before that is durable,
which is all that queue.direct needs. Source: qmail INTERNALS section 6; the original relies on directories
that are synchronous.
"""

ASK_TODO, MARK, UNLINK_INFO, ASK_FOOP = "ask for todo", "mark D", "unlink info", "ask for foop"

# fmt: off
#    files synced                  directories synced             before
ORDER = (
    (("info", "local", "remote"), ("info", "local", "remote"), ASK_TODO),     # or the message could be lost
    (("bounce",),                 ("bounce",),                 MARK),         # or nobody would be told
    ((),                          ("bounce",),                 UNLINK_INFO),  # or another bounces with it
    ((),                          ("info",),                   ASK_FOOP),     # or info stays without mess
)
# fmt: on
