"""The voices of the synthetic actors: espeak-ng, coloured by emotion."""
