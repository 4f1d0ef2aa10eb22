"""config-fast - write the first control files from a name

Synopsis:    config-fast fqdn
Files:       control/{me,defaultdomain,plusdomain}   written anew
             control/{locals,rcpthosts}              the name is added at the end
Exit codes:  0 written; 100 wrong usage; 111 a file cannot be written
"""

from pymail.unix.controls import Controls
from pymail.unix.firstcontrols import put, put_names, tell
from pymail.unix.home import Home
from pysvc.unix.strerr import unable_to, usage


def main(argv: list[str]) -> int:
    if len(argv) != 2 or not argv[1] or argv[1].split() != [argv[1]]:
        raise usage(__doc__)
    controls, fqdn = Controls(Home.of(argv[0])), argv[1]
    tell(f"Your fully qualified host name is {fqdn}.")
    put_names(controls, fqdn)
    for name in ("locals", "rcpthosts"):
        tell(f"Putting {fqdn} into control/{name}...")
        add(controls, name, fqdn)
    tell(f"Now qmail will refuse to accept SMTP messages except to {fqdn}.")
    tell("Make sure to change rcpthosts if you add hosts to locals or virtualdomains!")
    return 0


def add(controls: Controls, name: str, line: str) -> None:
    with unable_to(f"read control/{name}"):
        content = controls.content(name) or b""
    if content and not content.endswith(b"\n"):
        content += b"\n"  # or the last entry would grow by ours
    put(controls, name, content + line.encode(errors="surrogateescape") + b"\n")
