"""One file a store: where copies of backups go."""
