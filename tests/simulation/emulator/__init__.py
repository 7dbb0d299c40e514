"""MiniStack, and what AWS checks or does that it leaves out, one file per concern."""
