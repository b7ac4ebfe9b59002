"""Results of a campaign, computed from its trials: counts, rates, differences, real-world success. Pure functions."""
