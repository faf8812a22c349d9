"""Settings: what a person, a project and a workflow file may say, and which of them said it."""
