"""Judging a configuration: facts are gathered first, then rules that touch nothing look at them"""
