"""The mail side of the world: control files, accounts, DNS, the trigger"""
