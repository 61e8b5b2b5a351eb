"""The server as one or several processes: start, signals, reload, workers."""
