"""Synthetic talking actors with known truth: identities, voices, performances and their rendering."""
