"""Configurations for serving tools: what carries over as their own options, what does not as comments."""
