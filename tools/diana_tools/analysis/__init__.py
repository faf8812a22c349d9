"""Reading migrations as text: one reader a language, one statement type, one small file a rule."""
