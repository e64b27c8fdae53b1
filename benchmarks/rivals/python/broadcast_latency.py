# SPDX-License-Identifier: BSL-1.0
"""Broadcast as tutorials teach it in Python: a thread for each client, blocking sockets, a list of clients."""

import socket
import sys
import threading

clients = []
lock = threading.Lock()


def broadcast(sender, record):
    with lock:
        for client in clients:
            if client is not sender:
                try:
                    client.sendall(record)
                except OSError:
                    pass  # left to the thread that reads from it


def serve_client(client):
    try:
        lines = client.makefile("rb")
        prefix = b"<" + lines.readline().rstrip(b"\n") + b"> "
        with lock:
            clients.append(client)
        for line in lines:
            broadcast(client, prefix + line)
    except OSError:
        pass
    with lock:
        if client in clients:
            clients.remove(client)
    client.close()


def main():
    listener = socket.socket(fileno=int(sys.argv[1]))
    listener.setblocking(True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve_client, args=(client,), daemon=True).start()


main()
