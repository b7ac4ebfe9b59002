"""Pure functions of the journal: verdicts, measures, rates, claims, history."""
