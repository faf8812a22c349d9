"""Reading SQL: a tolerant tokenizer for every dialect, PostgreSQL's own parser, and sqlglot for rows elsewhere."""
