"""Starts `lookup serve --fake` as a process of its own."""
import json
import os
import pathlib
import socket
import subprocess
import threading
import time

COMMAND = os.environ.get("LOOKUP_COMMAND") or str(pathlib.Path(__file__).resolve().parents[3] / "lookup")
TABLE = pathlib.Path(__file__).resolve().parents[3] / "docs/guide/testing-your-dialer.md"


class Service:
    def __init__(self, port=0):
        self.process = subprocess.Popen(
            [COMMAND, "serve", "--fake", "--json", "--log", "none", "--listen", f"127.0.0.1:{port}", "--json-port", "0"],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.address = json.loads(self.process.stdout.readline())["grpc"].rstrip("/")
        self.port = int(self.address.rsplit(":", 1)[1])

    def kill(self):
        """kill -9; returns when the process is gone."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Proxy:
    """A connection to the service that can be cut and refused."""

    def __init__(self, port):
        self._to, self._sockets, self.is_cut = port, [], False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self.is_cut = True
        for one in self._sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._sockets.clear()

    def join(self):
        self.is_cut = False

    def close(self):
        self._listener.close()
        self.cut()

    def _accept(self):
        while True:
            try:
                one, _ = self._listener.accept()
            except OSError:
                return
            if self.is_cut:
                one.close()
                continue
            other = socket.create_connection(("127.0.0.1", self._to))
            self._sockets += [one, other]
            for pair in ((one, other), (other, one)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    @staticmethod
    def _pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        source.close()
        target.close()


def until(condition):
    """Waits for a condition, up to a minute."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("Not within a minute.")
        time.sleep(0.005)
