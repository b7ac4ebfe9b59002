"""`python -m docgen`: brings the generated tables and drawings of the documentation up to date."""

from __future__ import annotations

from docgen import drawings, tables

if __name__ == "__main__":
    tables.write()
    drawings.write()
