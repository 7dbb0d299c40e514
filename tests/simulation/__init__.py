"""The local world: a local AWS, a simulated Cloudflare, and what runs on them."""
