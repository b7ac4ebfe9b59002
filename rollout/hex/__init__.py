"""Hex: where packages come from, the gateway in front of it, bundles, look-up and order."""
