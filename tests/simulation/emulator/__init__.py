"""What MiniStack lacks.

Its version is pinned exactly, because private functions are replaced. Without any one of them an end-to-end test fails
(without `queues.alone` only sometimes).
"""

# A tag of a queue: the delays that the function sets for its messages are divided by the value, so that a test waits
# for seconds instead of minutes.
DELAYS_DIVIDED_BY = "local-world:delays-divided-by"
