"""Scripts that a project's own interpreter runs; standard library and the project's tool only."""
