"""Every sentence that Diana says by herself, and what the model is told."""
