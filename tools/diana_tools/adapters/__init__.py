"""One file a migration tool: pure, it returns commands and reads their output."""
