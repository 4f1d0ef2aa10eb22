"""One message in by SMTP and out by POP3: roundtrip.py SMTP_PORT POP3_PORT ADDRESS PASSWORD

Prints both conversations' outcome; exit 0 only if the message that came out is the one that went in.
"""

import poplib
import smtplib
import sys
import time
import uuid
from email.message import EmailMessage

PATIENCE = 60.0  # seconds for the services to come up, and again for the message to arrive


def patiently(what: str, attempt):  # type: ignore[no-untyped-def]
    """Repeat attempt() until it neither raises OSError nor returns None; its value."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            value = attempt()
        except OSError as error:
            value, trouble = None, str(error)
        else:
            trouble = "not there yet"
        if value is not None:
            return value
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: {trouble}")
        time.sleep(0.2)


def main() -> int:
    smtp_port, pop3_port, address, password = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "bob@mail.example.test", address, "round trip"
    token = uuid.uuid4().hex
    message.set_content(f"Does this arrive as it was sent?\n.\nA dot, and a token: {token}\n")
    with patiently("SMTP", lambda: smtplib.SMTP("127.0.0.1", smtp_port)) as smtp:
        smtp.send_message(message)
    print(f"sent by SMTP to port {smtp_port}: {address}")

    def fetch() -> "bytes | None":
        box = poplib.POP3("127.0.0.1", pop3_port)
        try:
            box.user(address)
            box.pass_(password)
            for number in range(len(box.list()[1]), 0, -1):
                lines = box.retr(number)[1]
                if any(token.encode() in line for line in lines):
                    box.dele(number)
                    return b"\n".join(lines)
            return None
        finally:
            box.quit()

    received = patiently("POP3", fetch)
    if b"\n.\nA dot, and a token" not in received:
        print("the message came out changed")
        return 1
    print(f"fetched by POP3 from port {pop3_port}:")
    sys.stdout.write("".join(f"    {line}\n" for line in received.decode().splitlines() if line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
