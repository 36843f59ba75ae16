"""Starts ministack as the local AWS needs it: on loopback only, on a port of its own choice, with load balancers and services like AWS's.

    python start.py

The first line it prints is its port. It ends when its standard input closes, so that it never outlives the process
that started it, however that one ended.
"""
import asyncio
import os
import socket
import sys
import threading


def end_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)


def main():
    # Named IPPROTO_TCP: asyncio turns Nagle's delay off only on sockets that say what they are.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    port = listener.getsockname()[1]
    # ministack reads its settings while it is imported.
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    os.environ["GATEWAY_PORT"] = str(port)

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    import ministack.app
    import ministack.core.router

    import connections
    import definitions
    import deployments
    import kept
    import load_balancers
    import service_stacks
    import summaries

    load_balancers.install()
    deployments.install()
    definitions.install()
    kept.install()
    connections.install(ministack.app, ministack.core.router)
    service_stacks.install()
    summaries.install()
    threading.Thread(target=end_with_parent, daemon=True).start()
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 600
    config.loglevel = "WARNING"
    print(port, flush=True)
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
