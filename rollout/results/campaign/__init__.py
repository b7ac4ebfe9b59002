"""Computes the statistics of a campaign from its trials. Pure functions."""
