"""All the subjects, by name"""

from tests.crash.databases import QmailNewmrh, QmailNewu, Tcprules
from tests.crash.delivering import Forwarding, LargeToMbox, QmailRemote, ToMaildir, ToMbox
from tests.crash.logs import Multilog, MultilogWithProcessor
from tests.crash.queueing import QmailQueue, QmailQueued, QmailQueuedAlone, QmailQueuedTogether, QmailSmtpd
from tests.crash.sending import QmailClean, QmailLspawn, QmailRspawn, QmailSend, QmailSendAlone
from tests.crash.services import Supervise
from tests.crash.subject import Subject

SUBJECTS: dict[str, type[Subject]] = {
    "qmail-queue": QmailQueue,
    "qmail-queued": QmailQueued,
    "qmail-queued-together": QmailQueuedTogether,
    "qmail-queued-alone": QmailQueuedAlone,
    "qmail-smtpd": QmailSmtpd,
    "qmail-send": QmailSend,
    "qmail-send-alone": QmailSendAlone,
    "qmail-clean": QmailClean,
    "qmail-lspawn": QmailLspawn,
    "qmail-rspawn": QmailRspawn,
    "qmail-local-maildir": ToMaildir,
    "qmail-local-mbox": ToMbox,
    "qmail-local-large-mbox": LargeToMbox,
    "qmail-local-forward": Forwarding,
    "qmail-remote": QmailRemote,
    "multilog": Multilog,
    "multilog-processor": MultilogWithProcessor,
    "supervise": Supervise,
    "tcprules": Tcprules,
    "qmail-newu": QmailNewu,
    "qmail-newmrh": QmailNewmrh,
}
