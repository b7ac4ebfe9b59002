"""Text that the suite reads or prints: masks secrets, removes terminal codes, prints any character."""
