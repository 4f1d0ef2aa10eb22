"""The hosts file"""

from pymail.formats.hostsfile import full_name, name_of

CONTENT = b"""# comment
127.0.0.1\tlocalhost localhost.localdomain desk
127.0.1.1  Desk.Example.ORG desk # desk.wrong
10.0.0.1
10.0.0.2 bare
::1 localhost6
"""


def test_full_name() -> None:
    assert full_name(CONTENT, b"DESK") == b"desk.example.org"
    assert full_name(CONTENT, b"bare") == b"bare"
    assert full_name(CONTENT, b"localhost") == b"localhost"
    assert full_name(CONTENT, b"other") is None
    assert full_name(b"", b"desk") is None


def test_name_of() -> None:
    assert name_of(CONTENT, b"127.0.0.1") == b"localhost"
    assert name_of(CONTENT, b"127.0.1.1") == b"desk.example.org"
    assert name_of(CONTENT, b"10.0.0.1") is None
