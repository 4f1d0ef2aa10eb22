"""The registry of pymail's programs: name -> (what it does, kind)

As in pysvc.programs: plain data, and the module of a program is its name with `-` written `_`.
"""

from pysvc.programs import CHAIN, COMMAND, DAEMON, FILTER, SESSION, TOOL

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
    "qmail-newmrh":  ("compile control/morercpthosts for qmail-smtpd",              TOOL),
    "qmail-pw2u":    ("turn a passwd file into users/assign",                       FILTER),
    "qmail-qmqpc":   ("queue a message on another host by QMQP",                    TOOL),
    "qmail-qmqpd":   ("receive mail by QMQP",                                       SESSION),
    "qmail-qmtpd":   ("receive mail by QMTP",                                       SESSION),
    "forward":       ("forward a message to addresses",                             TOOL),
    "condredirect":  ("forward a message if a program says so",                     TOOL),
    "bouncesaying":  ("bounce a message, if a program says so, with a text",        TOOL),
    "except":        ("turn a program's yes into no",                               TOOL),
    "preline":       ("run a program with the envelope lines before the message",   TOOL),
    "qreceipt":      ("answer a message that asks for a receipt",                   TOOL),
    "qbiff":         ("tell a user's terminals of new mail",                        TOOL),
    "maildir2mbox":  ("move the messages of a Maildir into an mbox",                TOOL),
    "mailsubj":      ("mail standard input under a subject",                        TOOL),
    "datemail":      ("as sendmail, with a local date",                             CHAIN),
    "predate":       ("run a program with a local date before its input",           TOOL),
    "splogger":      ("write lines to syslog",                                      DAEMON),
    "tcp-env":       ("run a program with the variables of a TCP connection",       CHAIN),
    "config":        ("write the first control files from what DNS says",           TOOL),
    "config-fast":   ("write the first control files from a name",                  TOOL),
    "qmailctl":      ("start, stop and watch the mail system",                      COMMAND),
    "pymail":        ("install, check and remove the mail system; its mailboxes",   COMMAND),
}

__all__ = ["CHAIN", "COMMAND", "DAEMON", "FILTER", "PROGRAMS", "SESSION", "TOOL"]
