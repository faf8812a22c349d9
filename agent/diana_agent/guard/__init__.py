"""The guard: facts and policy in, a question to the person, and a permit or a refusal out."""
