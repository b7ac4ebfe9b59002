"""Stores trees of files and database dumps as content-addressed objects in the cache folder."""
