"""Campaigns: runs many trials of every path under faults, to measure how likely each path is to succeed."""
