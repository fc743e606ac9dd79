"""What a configuration does to a model's answers, against a reference of the same weights on disk."""
