"""Bytes from outside: every parser, every mixture, every client that means no good"""
