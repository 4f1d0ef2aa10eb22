"""pysvc: supervision, logging, chain-loading and TCP, in the tradition of daemontools and ucspi-tcp"""

__version__ = "0.1.0"
