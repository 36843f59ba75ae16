"""An example application: says which version it is."""
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION, GREETING = os.environ.get("VERSION", "unknown"), os.environ.get("GREETING", "Hello")


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{GREETING} from {VERSION}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Health checks would fill the log."""


ThreadingHTTPServer(("", 8080), Page).serve_forever()
