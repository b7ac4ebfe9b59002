"""Cleans text that the suite reads or prints: masks secrets and removes terminal codes."""
