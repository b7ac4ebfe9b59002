"""The site of a deployment: folder, repository, forge, container engine, database server and object store."""
