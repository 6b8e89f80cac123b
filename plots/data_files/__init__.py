"""What figures are drawn from: the files that a study left, read and checked."""
