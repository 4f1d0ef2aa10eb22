"""What `pymail install` puts on a machine, checks and removes"""
