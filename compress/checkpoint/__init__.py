"""A finished network on disk: what the two files hold, how they are written, read and packed."""
