"""The control files: their kinds, defaults and meaning, and how qmail-showctl tells of them

One table, in qmail-showctl's order, for everything that reads, shows, checks or documents them; at its end
the files that only scripts read, of which the classic qmail-showctl has no idea.
Source: qmail-control manual; qmail-showctl.c for the sentences.
"""

LINE, NUMBER, LIST, MAP, TEXT, CDB = "line", "number", "list", "map", "text", "cdb"
SPAWN_LIMIT = 120  # concurrent deliveries of a channel that the spawn programs take; conf-spawn

EACH_RUN = "each run"            # read by a program that starts for each connection or message
AT_START = "start"               # a change needs a restart of the service
AT_HANGUP = "start and SIGHUP"


class ControlFile:
    """One control file.

    kind: how its content is read. default: what stands for a missing file. me: control/me does, before
    the default. before, after: the sentence around a value. absent: the sentence for no file, where there
    is no default. readers, reread: the programs that read it, and when.
    """

    __slots__ = (
        "absent", "after", "before", "default", "kind", "me", "meaning", "name", "readers", "reread",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        kind: str,
        default: bytes | int | None,
        *,
        sentence: str = "",
        absent: str = "",
        me: bool = False,
        readers: str,
        reread: str,
        meaning: str,
    ) -> None:
        """sentence: `…` stands for the value."""
        self.name, self.kind, self.default, self.me = name, kind, default, me
        self.before, _, self.after = sentence.partition("…")
        self.absent, self.readers, self.reread, self.meaning = absent, readers, reread, meaning


FILES = (
    ControlFile("badmailfrom", LIST, None,
        absent="Any MAIL FROM is allowed.", sentence="… not accepted in MAIL FROM.",
        readers="qmail-smtpd", reread=EACH_RUN,
        meaning="envelope senders that are refused: an address, or @host for all of a host"),
    ControlFile("bouncefrom", LINE, b"MAILER-DAEMON", sentence="Bounce user name is ….",
        readers="qmail-send", reread=AT_START, meaning="user in the From of bounces"),
    ControlFile("bouncehost", LINE, b"bouncehost", me=True, sentence="Bounce host name is ….",
        readers="qmail-send", reread=AT_START, meaning="host in the From of bounces"),
    ControlFile("concurrencylocal", NUMBER, 10, sentence="Local concurrency is ….",
        readers="qmail-send", reread=AT_START,
        meaning=f"simultaneous local deliveries, at most {SPAWN_LIMIT}; 0 holds them all"),
    ControlFile("concurrencyremote", NUMBER, 20, sentence="Remote concurrency is ….",
        readers="qmail-send", reread=AT_START,
        meaning=f"simultaneous remote deliveries, at most {SPAWN_LIMIT}; 0 holds them all"),
    ControlFile("databytes", NUMBER, 0, sentence="SMTP DATA limit is … bytes.",
        readers="qmail-smtpd qmail-qmtpd", reread=EACH_RUN,
        meaning="bytes that a message may have, 0 for any number; the variable DATABYTES overrides it"),
    ControlFile("defaultdomain", LINE, b"defaultdomain", me=True, sentence="Default domain name is ….",
        readers="qmail-inject", reread=EACH_RUN,
        meaning="added to host names without a dot; the variable QMAILDEFAULTDOMAIN overrides it"),
    ControlFile("defaulthost", LINE, b"defaulthost", me=True, sentence="Default host name is ….",
        readers="qmail-inject", reread=EACH_RUN,
        meaning="added to addresses without a host; the variable QMAILDEFAULTHOST overrides it"),
    ControlFile("doublebouncehost", LINE, b"doublebouncehost", me=True, sentence="2B recipient host: ….",
        readers="qmail-send", reread=AT_START, meaning="host that double bounces go to"),
    ControlFile("doublebounceto", LINE, b"postmaster", sentence="2B recipient user: ….",
        readers="qmail-send", reread=AT_START, meaning="user that double bounces go to"),
    ControlFile("envnoathost", LINE, b"envnoathost", me=True, sentence="Presumed domain name is ….",
        readers="qmail-send", reread=AT_START, meaning="added to envelope recipients without an @"),
    ControlFile("helohost", LINE, b"helohost", me=True, sentence="SMTP client HELO host name is ….",
        readers="qmail-remote", reread=EACH_RUN,
        meaning="name of this host for the servers it sends to; without it and me nothing is sent"),
    ControlFile("idhost", LINE, b"idhost", me=True, sentence="Message-ID host name is ….",
        readers="qmail-inject", reread=EACH_RUN,
        meaning="host in generated Message-IDs; the variable QMAILIDHOST overrides it"),
    ControlFile("localiphost", LINE, b"localiphost", me=True, sentence="Local IP address becomes ….",
        readers="qmail-smtpd", reread=EACH_RUN,
        meaning="stands for this host's own [address] in recipients, before rcpthosts is asked"),
    ControlFile("locals", LIST, None,
        absent="Messages for me are delivered locally.",
        sentence="Messages for … are delivered locally.",
        readers="qmail-send", reread=AT_HANGUP,
        meaning="domains delivered on this host, no wildcards; without it and me qmail-send does not start"),
    ControlFile("me", LINE, b"undefined! Uh-oh", sentence="My name is ….",
        readers="all", reread="as the file it stands for",
        meaning="fully qualified name of this host; stands for many other files that are missing"),
    ControlFile("percenthack", LIST, None,
        absent="The percent hack is not allowed.",
        sentence="The percent hack is allowed for user%host@….",
        readers="qmail-send", reread=AT_START,
        meaning="domains where user%host@domain means user@host"),
    ControlFile("plusdomain", LINE, b"plusdomain", me=True, sentence="Plus domain name is ….",
        readers="qmail-inject", reread=EACH_RUN,
        meaning="replaces the + at the end of a host; the variable QMAILPLUSDOMAIN overrides it"),
    ControlFile("qmqpservers", LIST, None,
        absent="No QMQP servers.", sentence="QMQP server: ….",
        readers="qmail-qmqpc", reread=EACH_RUN, meaning="addresses of QMQP servers, tried in this order"),
    ControlFile("queuelifetime", NUMBER, 604800, sentence="Message lifetime in the queue is … seconds.",
        readers="qmail-send", reread=AT_START,
        meaning="age at which the next temporary failure is a permanent one"),
    ControlFile("rcpthosts", LIST, None,
        absent="SMTP clients may send messages to any recipient.",
        sentence="SMTP clients may send messages to recipients at ….",
        readers="qmail-smtpd qmail-qmtpd", reread=EACH_RUN,
        meaning="domains that mail is accepted for, .domain for everything below one; without the file all "
        "of them; the variable RELAYCLIENT overrides it"),
    ControlFile("morercpthosts", LIST, None,
        absent="No effect.", sentence="SMTP clients may send messages to recipients at ….",
        readers="qmail-newmrh", reread=EACH_RUN,
        meaning="more of rcpthosts; counts only once qmail-newmrh has compiled it"),
    ControlFile("morercpthosts.cdb", CDB, None, absent="No effect.",
        readers="qmail-smtpd qmail-qmtpd", reread=EACH_RUN,
        meaning="morercpthosts, compiled; ignored where there is no rcpthosts"),
    ControlFile("smtpgreeting", LINE, b"smtpgreeting", me=True, sentence="SMTP greeting: 220 ….",
        readers="qmail-smtpd", reread=EACH_RUN,
        meaning="what SMTP clients are greeted with; should begin with the host's name"),
    ControlFile("smtproutes", MAP, None,
        absent="No artificial SMTP routes.", sentence="SMTP route: …",
        readers="qmail-remote", reread=EACH_RUN,
        meaning="domain:relay or domain:relay:port, instead of what DNS says; .domain for everything below "
        "one, an empty domain for all, an empty relay for DNS after all"),
    ControlFile("timeoutconnect", NUMBER, 60, sentence="SMTP client connection timeout is … seconds.",
        readers="qmail-remote", reread=EACH_RUN, meaning="seconds in which a server must take a connection"),
    ControlFile("timeoutremote", NUMBER, 1200, sentence="SMTP client data timeout is … seconds.",
        readers="qmail-remote", reread=EACH_RUN, meaning="seconds in which a server must answer"),
    ControlFile("timeoutsmtpd", NUMBER, 1200, sentence="SMTP server data timeout is … seconds.",
        readers="qmail-smtpd", reread=EACH_RUN, meaning="seconds in which a client must say something"),
    ControlFile("virtualdomains", MAP, None,
        absent="No virtual domains.", sentence="Virtual domain: …",
        readers="qmail-send", reread=AT_HANGUP,
        meaning="domain:prepend or user@domain:prepend makes addresses the local prepend-address; .domain "
        "for everything below one, an empty domain for all, an empty prepend for an exception"),
    ControlFile("concurrencyincoming", NUMBER, None,
        absent="The SMTP service does not start without it.", sentence="Incoming SMTP concurrency is ….",
        readers="run of qmail-smtpd", reread=AT_START, meaning="simultaneous SMTP connections; tcpserver -c"),
    ControlFile("defaultdelivery", TEXT, None,
        absent="Users without a .qmail have no delivery instructions.", sentence="Default delivery: …",
        readers="rc", reread=AT_START,
        meaning="delivery instructions for users without a .qmail; first argument of qmail-start"),
    ControlFile("tcp.smtp", TEXT, None,
        absent="No rules for SMTP connections here.", sentence="Rule for SMTP connections: …",
        readers="qmailctl cdb", reread=EACH_RUN,
        meaning="who may connect to a private instance's SMTP service, and relay; source for tcprules"),
    ControlFile("tcp.smtp.cdb", CDB, None, absent="No effect.",
        readers="tcpserver", reread=EACH_RUN, meaning="tcp.smtp, compiled"),
)  # fmt: skip

BY_NAME = {file.name: file for file in FILES}

# With no rcpthosts there is nothing that morercpthosts could add to.
MORE_IRRELEVANT = "No rcpthosts; morercpthosts is irrelevant."
MORE_IRRELEVANT_ENTRY = "No rcpthosts; doesn't matter that morercpthosts has …."
