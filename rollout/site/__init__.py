"""A site is everything that a deployment uses: its folder, forge, database server and stored files."""
