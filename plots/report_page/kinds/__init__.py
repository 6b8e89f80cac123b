"""What each kind of page is made of: a file a kind, which lists its parts."""
