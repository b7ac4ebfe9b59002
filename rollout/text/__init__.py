"""Text that the suite reads or prints: masked secrets, no terminal codes, streams that accept any character."""
