"""Purges from Cloudflare what changed in an S3 bucket."""
