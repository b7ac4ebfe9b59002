"""Campaigns: many trials of every path under faults, and what they say about how likely each path is to succeed."""
