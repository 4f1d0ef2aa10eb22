#!/bin/sh
# A whole mail server in one directory, as an ordinary user (for root: nobody): install, start, one message in by SMTP and
# out by POP3, then a look at what is running. It stays up until interrupted; --once stops it at the end.
#
#   INSTANCE    the directory (./instance)      SMTP_PORT, POP3_PORT    2525 and 1110
#   PYTHON      the interpreter (/usr/bin/python3, else python3)
set -eu
cd "$(dirname "$0")/.."
once=no
case "${1:-}" in
    --once) once=yes ;;
    "") ;;
    *) echo "usage: quickstart.sh [--once]" >&2; exit 100 ;;
esac
instance=${INSTANCE:-$PWD/instance}
smtp=${SMTP_PORT:-2525}
pop3=${POP3_PORT:-1110}
python=${PYTHON:-/usr/bin/python3}
[ -x "$python" ] || python=python3
as=
if [ "$(id -u)" = 0 ]; then # a private instance belongs to an ordinary user: for root, to nobody
    as="setpriv --reuid=nobody --regid=$(id -g nobody) --clear-groups"
    if ! $as test -r pysvc/launch.py; then
        echo "quickstart.sh: fatal: nobody cannot read $PWD; run it as an ordinary user, or from elsewhere" >&2
        exit 100
    fi
    mkdir -p "$instance"
    chown nobody: "$instance"
fi

say() { printf '\n== %s\n' "$*"; }

say "the programs: .venv"
[ -x .venv/bin/python ] || "$python" -m venv .venv
if [ ! -x .venv/bin/pymail ] || [ pyproject.toml -nt .venv/bin/pymail ]; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable .
fi

say "the instance: $instance"
$as .venv/bin/pymail install --home "$instance" --fqdn mail.example.test \
    --smtp-port "$smtp" --pop3-port "$pop3" | tail -n 4
if ! $as "$instance/bin/pymail" user list | grep -q '^alice@mail.example.test'; then
    echo wonderland | $as "$instance/bin/pymail" user add alice@mail.example.test --password-stdin
fi

say "supervision: $instance/bin/svscanboot"
$as "$instance/bin/svscanboot" &
scanner=$!
stop() {
    trap - EXIT INT TERM
    say "stopping"
    kill "$scanner" 2>/dev/null || :
    $as "$instance/bin/svc" -dx "$instance"/service/* "$instance"/service/*/log
    for dir in "$instance"/service/* "$instance"/service/*/log; do
        tries=0
        while $as "$instance/bin/svok" "$dir" && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.1; done
    done
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "one message in by SMTP, out by POP3"
.venv/bin/python examples/roundtrip.py "$smtp" "$pop3" alice@mail.example.test wonderland

say "qmailctl stat"
$as "$instance/bin/qmailctl" stat
say "what the system says: multilog's directories"
for log in "$instance/log" "$instance/log/smtpd" "$instance/log/pop3d"; do
    echo "$log: $(ls "$log" | tr '\n' ' ')"
    tail -n 12 "$log/current" | $as "$instance/bin/tai64nlocal"
done

if [ $once = yes ]; then
    exit 0
fi
cat <<END

It goes on until you interrupt it. Meanwhile:
    $instance/bin/qmailctl help
    tail -F $instance/log/current | $instance/bin/tai64nlocal
    swaks --server 127.0.0.1:$smtp --to alice@mail.example.test
END
wait "$scanner"
