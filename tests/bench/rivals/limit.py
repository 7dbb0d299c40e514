"""What urllib3 allows: a bare interpreter imports it, opens a TLS context, posts one purge, and says so.

No runtime loop, no event, no parameter to read; the body is given. Nothing that uses urllib3 answers sooner.
"""

import os
import ssl
import sys

import urllib3

response = urllib3.PoolManager(ssl_context=ssl.create_default_context()).request(
    "POST",
    os.environ["PURGE_URL"],
    headers={"Authorization": f"Bearer {os.environ['TOKEN']}", "Content-Type": "application/json"},
    body=os.environ["BODY"],
)
os.write(sys.stdout.fileno(), b"%d" % response.status)
