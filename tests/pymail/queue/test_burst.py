"""A burst of messages does not starve the deliveries: the "silly qmail syndrome" is absent"""



from pymail.queue.todo import CHUNK
from tests.support.sending import Sending

MESSAGES, CONCURRENCY = 10_000, 10
LOCAL = 0


def test_deliveries_go_on_at_full_concurrency(sending: Sending) -> None:
    """While 10 000 messages are taken up, each slot that gets free is filled before the next few are."""
    for _ in range(MESSAGES):
        sending.put(b"s@t", [b"a@mail.test"])
    sending.start()
    taken_up = ended = 0

    def all_taken_up() -> bool:
        nonlocal taken_up, ended
        requests = sending.requests[LOCAL]
        if len(requests) == CONCURRENCY:
            for request in requests:
                sending.report(LOCAL, request.delnum, b"Kok")
            ended += len(requests)
            requests.clear()
        taken_up += sum(command.startswith(b"todo/") for command in sending.commands)
        sending.commands.clear()
        return taken_up == MESSAGES

    sending.until(all_taken_up, what="everything taken up", timeout=180)
    assert ended >= CONCURRENCY
    assert longest_wait(sending.log) <= 2 * CHUNK


def longest_wait(log: list[bytes]) -> int:
    """The most messages that were taken up between the end of a delivery and the start of another."""
    longest, taken = 0, None
    for line in log:
        if line.startswith(b"starting delivery"):
            longest, taken = max(longest, taken or 0), None
        elif line.startswith(b"delivery "):
            taken = taken or 0
        elif line.startswith(b"new msg") and taken is not None:
            taken += 1
    return max(longest, taken or 0)
