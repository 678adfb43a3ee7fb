"""What `env.py` says. Nothing here is for others."""
