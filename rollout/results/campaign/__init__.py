"""Pure functions of a campaign's trials: counts, rates, differences, success in the real world."""
