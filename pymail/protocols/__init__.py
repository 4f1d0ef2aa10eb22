"""Conversations without a socket: bytes in, replies out"""
