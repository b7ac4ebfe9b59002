"""Putting Hex packages into an application: order, installers, assets; and which packages cannot go together."""
