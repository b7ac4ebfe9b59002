"""Builds the documentation: reference pages generated from the code, pictures, and the hooks of MkDocs."""
