"""Tests of rollout/hex against a real Hex client, in a container."""
