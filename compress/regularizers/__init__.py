"""What joins the loss: the pull of ADMM, L1 and L2."""
