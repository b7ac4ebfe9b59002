"""Tests of rollout/hex that need neither network nor engine."""
