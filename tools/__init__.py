"""Set-up and checks behind the Makefile. Standard library only: this runs before anything is installed."""
