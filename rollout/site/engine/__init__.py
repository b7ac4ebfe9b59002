"""The container engine: finds it, sets it up, proves that it fits, makes images, runs commands in containers."""
