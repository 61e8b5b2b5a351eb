"""Threads, event loops and tasks that run the program's code."""
