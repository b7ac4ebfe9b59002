"""The pytest side of the machinery: options, session, ordering, blocking, reports. The only code that imports both."""
