"""System calls that several programs share"""
