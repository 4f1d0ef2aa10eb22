"""Decisions: events in, actions out; no system call, no clock"""
