"""Where an engine runs: in a worker process (the default) or inline."""
