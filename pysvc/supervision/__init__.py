"""supervise at work: an automaton and the files and processes around it"""
