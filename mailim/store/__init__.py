"""Where it lasts: the database, its schema, its repositories and the body files."""
