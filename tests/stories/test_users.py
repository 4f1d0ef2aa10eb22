"""Who gets the mail: accounts by way of qmail-pw2u and its files, qmail-newu, and qmail-lspawn"""

import pytest

from tests.support.homes import USER_IDS, group_of, rooted_home
from tests.support.spawners import start_rooted
from tests.support.world import Place

SHOW = '|echo "$USER $HOME [$LOCAL] [$EXT] [${DEFAULT-unset}]"; exit 100\n'
INSTRUCTIONS = {  # of joe
    "": "default", "-default": "any", "-office": "sub-user", "-office-default": "of the sub-user",
    "-lists-default": "appended",
}  # fmt: skip
FILES = {
    "include": "# who gets mail\njoe\nvmail\nALIAS\n", "exclude": "vmail\n",
    "mailnames": "joe:unused\njoe:j.doe:Doe\nnobody:x\n", "subusers": "sales:joe:office:\n",
}  # fmt: skip
# address: (who, where, EXT, DEFAULT); LOCAL is as it was written
JOE, ALIAS = "joe /var/homes/joe", "alias /var/qmail/alias"
DELIVERED = {
    "j.doe": (JOE, "default", "", "unset"), "J.DOE": (JOE, "default", "", "unset"),
    "doe": (JOE, "default", "", "unset"), "Doe-A.b": (JOE, "any", "A.b", "A.b"),
    "joe": (ALIAS, "alias", "joe", "joe"), "joe-x": (ALIAS, "alias", "joe-x", "joe-x"),
    "sales": (JOE, "sub-user", "office", "unset"), "Sales-Q4": (JOE, "of the sub-user", "office-Q4", "Q4"),
    "list-A-b": (JOE, "appended", "lists-A-b", "A-b"), "list": (ALIAS, "alias", "list", "list"),
    "boss": (ALIAS, "alias", "the-Boss", "the-Boss"),
    "vmail": (ALIAS, "alias", "vmail", "vmail"), "root": (ALIAS, "alias", "root", "root"),
}  # fmt: skip


@pytest.mark.root
def test_accounts_and_names(place: Place) -> None:
    with rooted_home(place) as rooted:
        passwd = place.path / "passwd"
        passwd.write_text(passwd.read_text().replace("/var/homes/alias", "/var/qmail/alias"))
        for ext, words in INSTRUCTIONS.items():
            (rooted.root / f"var/homes/joe/.qmail{ext}").write_text(f"|echo {words}\n{SHOW}")
        (rooted.home / "alias/.qmail-default").write_text(f"|echo alias\n{SHOW}")
        for name, text in FILES.items():
            (rooted.home / "users" / name).write_text(text)
        ids = f"{USER_IDS['joe']}:{group_of('joe')}"
        alias = f"{USER_IDS['alias']}:{group_of('alias')}"
        (rooted.home / "users/append").write_text(
            f"+list-:joe:{ids}:/var/homes/joe:-:lists-:\n=boss:alias:{alias}:/var/qmail/alias:-:the-Boss:\n"
        )
        make = "cd /var/qmail; bin/qmail-pw2u </etc/passwd >users/assign && bin/qmail-newu"
        assert rooted.run("sh", "-c", make).returncode == 0
        client = start_rooted(rooted, "./Mailbox")
        found = {local: client.deliver(f"{local}@host".encode()).decode() for local in DELIVERED}
        assert found == {
            local: f"D{words}\n{who} [{local}] [{ext}] [{default}]\n"
            for local, (who, words, ext, default) in DELIVERED.items()
        }
