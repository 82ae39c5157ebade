"""The peers' own programs. They run in environments of their own, and import nothing of Bellhop."""
