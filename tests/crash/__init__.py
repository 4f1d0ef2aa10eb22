"""Every system call of a program as its last, or as one that fails: what must hold all the same

A subject is one program at one piece of work that can be repeated; subject.py has what a subject is and how
it is explored. The test suite takes a sample; `python -m tests.crash --full` takes everything.
"""
