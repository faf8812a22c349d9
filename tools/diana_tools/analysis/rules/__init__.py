"""One rule a file. Each has a `RULE`; putting a file here is all it takes to add one."""
