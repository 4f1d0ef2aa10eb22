"""One file format or grammar each: bytes to values and back"""
