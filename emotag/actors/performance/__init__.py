"""From an utterance to every parameter of a head per frame, and the truth of emotion and action units."""
