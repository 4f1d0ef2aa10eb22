"""What the tests share: installed launchers, private homes, processes that are cleaned up"""
