#!/bin/sh
# Take mail from front ends by QMQP, from nobody else: sh queue-host.sh FRONT_END_ADDRESS ...
set -eu
[ $# -ge 1 ] || { echo 'usage: queue-host.sh address ...' >&2; exit 100; }
here=$(cd "$(dirname "$0")" && pwd)
home=/var/qmail
service=$home/supervise/qmail-qmqpd
PATH=/usr/local/bin:$PATH

{ printf '%s:allow\n' "$@"; echo ':deny'; } >/etc/tcp.qmqp
tcprules /etc/tcp.qmqp.cdb /etc/tcp.qmqp.tmp </etc/tcp.qmqp
chmod 644 /etc/tcp.qmqp.cdb

mkdir -p $service/log /var/log/qmail/qmqpd
chown qmaill /var/log/qmail/qmqpd
cp "$here/../null-client/qmail-qmqpd.run" $service/run
sed 's|/var/log/qmail/smtpd|/var/log/qmail/qmqpd|' $home/supervise/qmail-smtpd/log/run >$service/log/run
chmod 755 $service/run $service/log/run
ln -sfn $service /service/qmail-qmqpd
