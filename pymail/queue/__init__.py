"""A message's life on disk"""
