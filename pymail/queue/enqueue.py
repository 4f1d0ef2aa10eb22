"""What qmail-queue does with a message and its envelope"""
