"""One folder an engine: identity, schema, measures, dump, restore, proof."""
