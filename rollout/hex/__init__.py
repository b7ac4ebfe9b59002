"""Hex packages: sources, the caching gateway in front of them, bundles, package lookup and registry formats."""
