"""What the function does between the bytes that come in and those that go out, without the network."""
