"""Computes the results of a run from its journal, such as verdict and rates. Pure functions."""
