"""Widgets, one file each; all of them draw plain lines, so no text from outside can become markup."""
