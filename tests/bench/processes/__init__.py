"""Function processes that are measured, under Lambda's real runtime loop, and all that they talk to."""
