"""Whose turn it is and what comes next; no os, no clock: the caller passes now"""
