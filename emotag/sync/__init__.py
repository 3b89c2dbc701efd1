"""How long after the picture a recording's sound comes, and undoing it. Not in the paper."""
