"""Results of a run, computed from its journal: verdict, measures, rates, claims and history. Pure functions."""
