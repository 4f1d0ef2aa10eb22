"""Which files an installation may replace"""

from pysvc.installation.install import is_launcher
from pysvc.unix import launchers

SVOK = launchers.header("/usr/bin/python3", ["/lib"]) + launchers.last_line("pysvc", "svok")


def test_launchers_of_this_project_alone() -> None:
    """Also those of an older version, which did not name the encoding."""
    assert is_launcher(SVOK)
    assert is_launcher(SVOK.replace(b"-ISXutf8", b"-IS"))
    assert not is_launcher(SVOK.replace(b"-ISXutf8", b"-E"))
    assert not is_launcher(SVOK + b"\n")
