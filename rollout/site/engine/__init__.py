"""Finds and tests the container engine, builds images and runs commands in containers."""
