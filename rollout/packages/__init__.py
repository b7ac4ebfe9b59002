"""Installing Hex packages into the application, building its assets, and finding out why an installation fails."""
