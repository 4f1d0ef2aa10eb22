#!/bin/sh
# Have the programs of a home hand all mail to queue hosts: sh setup.sh HOME ADDRESS ...
set -eu
[ $# -ge 2 ] || { echo 'usage: setup.sh home address ...' >&2; exit 100; }
home=$1
shift
printf '%s\n' "$@" >"$home/control/qmqpservers.new"
mv "$home/control/qmqpservers.new" "$home/control/qmqpservers"
ln -s qmail-qmqpc "$home/bin/qmail-queue.new"
mv "$home/bin/qmail-queue.new" "$home/bin/qmail-queue"
