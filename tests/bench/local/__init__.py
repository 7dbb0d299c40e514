"""What is measured on the local world: the ground, the rival on it, and where the time goes."""
