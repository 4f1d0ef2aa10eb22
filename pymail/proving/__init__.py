"""Proofs that an administrator can run: what a power loss may leave, and a month of deliveries"""
