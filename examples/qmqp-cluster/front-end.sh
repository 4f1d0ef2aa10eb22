#!/bin/sh
# Make this host a front end, which keeps no mail: sh front-end.sh QUEUE_HOST_ADDRESS ...
set -eu
[ $# -ge 1 ] || { echo 'usage: front-end.sh address ...' >&2; exit 100; }
here=$(cd "$(dirname "$0")" && pwd)
home=/var/qmail
service=$home/supervise/qmail-front
if [ -e /service/qmail-send ] || [ -e /service/qmail-smtpd ]; then
    echo 'front-end.sh: fatal: the services of a queue are in /service; install with --no-start' >&2
    exit 111
fi

printf '%s\n' "$@" >$home/control/qmqpservers.new
mv $home/control/qmqpservers.new $home/control/qmqpservers

mkdir -p $service/log
cp "$here/qmail-front.run" $service/run
cp $home/supervise/qmail-smtpd/log/run $service/log/run
chmod 755 $service/run $service/log/run
mkdir -p /service
ln -sfn $service /service/qmail-front
