"""Into a mailbox, or to another host"""
