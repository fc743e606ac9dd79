"""What a session does about generation: tokens, batches, prefixes, speculation, sampling. One file a question."""
