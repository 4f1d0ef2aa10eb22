"""The registry of pysvc's programs: name -> (what it does, kind)

Plain data, so that a launcher loads one program and nothing else. A program's module is its name with
`-` written `_` and `@` written `_at`, beside this file; its docstring is its manual.
"""

DAEMON = "daemon"    # runs until told to stop
CHAIN = "chain"      # changes something about itself, then runs its arguments
SESSION = "session"  # serves one connection
FILTER = "filter"    # standard input to standard output
TOOL = "tool"        # does one thing and ends
COMMAND = "command"  # verbs and options, for people

PROGRAMS = {
    "svscanboot":    ("start svscan, and show what it complains about in ps",    DAEMON),
    "svscan":        ("keep a supervise running for each service directory",     DAEMON),
    "supervise":     ("start a service and keep it running",                     DAEMON),
    "svc":           ("control supervised services",                             TOOL),
    "svok":          ("tell whether supervise is running in a directory",        TOOL),
    "svstat":        ("print the status of supervised services",                 TOOL),
    "fghack":        ("keep a program that puts itself in the background",       CHAIN),
    "pgrphack":      ("run a program in a session of its own",                   CHAIN),
    "readproctitle": ("show the last lines of standard input in ps",             DAEMON),
    "multilog":      ("write lines to automatically rotated logs",               DAEMON),
    "tai64n":        ("put a precise timestamp before each line",                FILTER),
    "tai64nlocal":   ("turn precise timestamps into local time",                 FILTER),
    "setuidgid":     ("run a program as an account",                             CHAIN),
    "envuidgid":     ("run a program with an account's ids in the environment",  CHAIN),
    "envdir":        ("run a program with an environment read from a directory", CHAIN),
    "softlimit":     ("run a program with lower resource limits",                CHAIN),
    "setlock":       ("run a program while holding a lock",                      CHAIN),
    "tcpserver":     ("accept TCP connections and run a program for each",       DAEMON),
    "tcprules":      ("compile the rules that tcpserver obeys",                  FILTER),
    "tcprulescheck": ("show what tcpserver would do with a connection",          TOOL),
    "tcpclient":     ("make a TCP connection and run a program with it",         CHAIN),
    "fdholder":      ("hold listening sockets while servers restart",            DAEMON),
    "fdretrieve":    ("run a program with the sockets that fdholder holds",      CHAIN),
    "proxy-server":  ("learn from a proxy who the client is, run a program",     CHAIN),
    "unixserver":    ("accept Unix connections and run a program for each",      DAEMON),
    "unixclient":    ("make a Unix connection and run a program with it",        CHAIN),
    "rblsmtpd":      ("refuse mail from addresses that a DNS list names",        CHAIN),
    "fixcrio":       ("run a program and put CR before LF in what it exchanges", CHAIN),
    "addcr":         ("put CR before each LF",                                   FILTER),
    "delcr":         ("remove CR before each LF",                                FILTER),
    "mconnect":      ("talk to an SMTP server from a terminal",                  TOOL),
    "mconnect-io":   ("copy between a terminal and a connection",                TOOL),
    "who@":          ("ask a host who is there (systat)",                        TOOL),
    "date@":         ("ask a host for the time of day",                          TOOL),
    "finger@":       ("ask a host about a user",                                 TOOL),
    "http@":         ("fetch a page from a host",                                TOOL),
    "tcpcat":        ("print what a host sends",                                 TOOL),
    "argv0":         ("run a program under another name",                        CHAIN),
    "recordio":      ("run a program and log what it reads and writes",          CHAIN),
    "pysvc":         ("install these programs, and say what they are",           COMMAND),
}
