"""The registry of pymail's programs: name -> (what it does, kind)

As in pysvc.programs: plain data, and the module of a program is its name with `-` written `_`.
"""

from pysvc.programs import CHAIN, COMMAND, DAEMON, SESSION, TOOL

PROGRAMS = {
    "qmail-start":   ("start the daemons of the mail system",                       CHAIN),
    "qmail-send":    ("deliver the messages of the queue",                          DAEMON),
    "qmail-lspawn":  ("run the local deliveries that qmail-send asks for",          DAEMON),
    "qmail-rspawn":  ("run the remote deliveries that qmail-send asks for",         DAEMON),
    "qmail-clean":   ("remove files from the queue for qmail-send",                 DAEMON),
    "qmail-queued":  ("queue messages for those who may not write the queue",       DAEMON),
    "qmail-queue":   ("put one message into the queue",                             TOOL),
    "qmail-local":   ("deliver one message to a local address",                     TOOL),
    "qmail-remote":  ("deliver one message to another host by SMTP",                TOOL),
    "qmail-smtpd":   ("receive mail by SMTP",                                       SESSION),
    "qmail-popup":   ("ask for a POP3 user's name and password",                    SESSION),
    "qmail-pop3d":   ("give out a Maildir by POP3",                                 SESSION),
    "checkpassword": ("check a password, then run a program as its owner",          CHAIN),
    "qmail-inject":  ("complete a message and queue it",                            TOOL),
    "sendmail":      ("accept what programs that know sendmail ask for",            CHAIN),
    "maildirmake":   ("make a Maildir",                                             TOOL),
    "qmail-getpw":   ("find the account that a local address belongs to",           TOOL),
    "qmail-newu":    ("compile users/assign for qmail-lspawn",                      TOOL),
    "qmail-qread":   ("list the messages of the queue and their recipients",        TOOL),
    "qmail-qstat":   ("count the messages of the queue",                            TOOL),
    "qmail-tcpto":   ("list the hosts that lately timed out",                       TOOL),
    "qmail-tcpok":   ("forget which hosts lately timed out",                        TOOL),
    "qmail-showctl": ("show the configuration and what it means",                   TOOL),
    "config":        ("write the first control files from what DNS says",           TOOL),
    "config-fast":   ("write the first control files from a name",                  TOOL),
    "qmailctl":      ("start, stop and watch the mail system",                      COMMAND),
    "pymail":        ("install, check and remove the mail system; its mailboxes",   COMMAND),
}

__all__ = ["CHAIN", "COMMAND", "DAEMON", "PROGRAMS", "SESSION", "TOOL"]
