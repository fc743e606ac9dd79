"""The tips themselves, a file by topic."""
