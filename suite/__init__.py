"""The pytest plugins of the suite: options, session, order and blocking of checks, reports."""
