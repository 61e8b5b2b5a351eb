"""Where code runs: threads, event loops, tasks."""
