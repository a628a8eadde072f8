"""Ports for servers of a test."""
import random
import socket

# Below those that the kernel gives to connections: one that is free now would otherwise be somebody's own end of a connection
# when the server is started again.
PORTS = range(10_000, 32_000)


def free_port():
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
