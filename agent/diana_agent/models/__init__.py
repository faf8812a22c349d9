"""Models behind one protocol: Claude, and the embedded Diana who needs no key."""
