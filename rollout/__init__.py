"""The machinery that deploys XAVOS phase by phase. It never imports pytest."""

__version__ = "0.1.0"
