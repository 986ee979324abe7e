"""Conversations as plays in text files, and what performs them."""
