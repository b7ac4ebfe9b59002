"""Deploys releases: builds them, runs their instances behind a proxy, and replaces one release by another."""
