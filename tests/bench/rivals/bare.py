"""What Python allows: as the limit, with the standard library's client in the place of urllib3."""

import http.client
import os
import ssl
import sys
from urllib.parse import urlsplit

parts = urlsplit(os.environ["PURGE_URL"])
connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=ssl.create_default_context())
connection.request(
    "POST",
    parts.path,
    headers={"Authorization": f"Bearer {os.environ['TOKEN']}", "Content-Type": "application/json"},
    body=os.environ["BODY"],
)
response = connection.getresponse()
response.read()
os.write(sys.stdout.fileno(), b"%d" % response.status)
