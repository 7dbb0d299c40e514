"""The limit: a bare interpreter imports urllib3, opens a TLS context and posts one purge.

No event, no parameter, no log; URL, token and body are given. Nothing that uses urllib3 can be faster.
"""

import os
import ssl
import time

import urllib3

response = urllib3.PoolManager(ssl_context=ssl.create_default_context()).request(
    "POST",
    os.environ["PURGE_URL"],
    headers={"Authorization": f"Bearer {os.environ['TOKEN']}", "Content-Type": "application/json"},
    body=os.environ["BODY"],
)
os.write(1, b'{"result": %d, "cpu": %f}\n' % (response.status, time.process_time()))
