"""pymail: a mail system of small programs, in the tradition of qmail"""
