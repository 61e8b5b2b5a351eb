"""The server as a process: started, watched, told to stop, several of them."""
