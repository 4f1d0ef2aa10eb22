"""A name server that knows what its first argument says: `name type value`, comma-separated

It answers on port 53 of 127.0.0.1, says NXDOMAIN of all other names, and creates the file that its
second argument names when it is ready. Run inside a network namespace by the tests of config.
"""

import socket
import sys
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


def answer(query: dns.message.Message, records: list[list[str]]) -> bytes:
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.RA
    question = query.question[0]
    name = question.name.to_text(omit_final_dot=True).lower()
    known = [record for record in records if record[0] == name]
    if not known:
        reply.set_rcode(dns.rcode.NXDOMAIN)
    for _, kind, value in known:
        if dns.rdatatype.to_text(question.rdtype) == kind:
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, value))
    return reply.to_wire()


def main() -> None:
    records = [record.split() for record in sys.argv[1].split(",")]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        Path(sys.argv[2]).touch()
        while True:
            data, client = server.recvfrom(4096)
            server.sendto(answer(dns.message.from_wire(data), records), client)


if __name__ == "__main__":
    main()
