"""The verbs, one a file: each takes the run, uses the tools, records what happened, and says how it came out."""
