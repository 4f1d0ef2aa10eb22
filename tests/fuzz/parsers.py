"""Every parser of bytes from outside, by name: a new one gets a row in one of these tables"""

from tests.fuzz.conversations import CONVERSATIONS
from tests.fuzz.messages import MESSAGES
from tests.fuzz.networks import NETWORKS
from tests.fuzz.queueing import QUEUE
from tests.fuzz.services import SERVICES

PARSERS = CONVERSATIONS | QUEUE | MESSAGES | NETWORKS | SERVICES
