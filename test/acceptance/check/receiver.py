"""A receiver of lines on a TCP port of the loopback, in place of Logstash."""
import socketserver
import threading


class Receiver:
    def __init__(self):
        received = self.received = bytearray()

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                while chunk := self.request.recv(65536):
                    received.extend(chunk)

        self.server = socketserver.TCPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self):
        """Returns what was received since the last call."""
        content = bytes(self.received)
        self.received.clear()
        return content
