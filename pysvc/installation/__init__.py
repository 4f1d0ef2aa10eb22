"""What `pysvc install` puts on a machine"""
