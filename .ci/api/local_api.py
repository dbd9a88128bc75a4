"""The API on this machine for checks from outside: built, started on a free port and ended."""

import contextlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
import urllib.request
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
PASSWORD = "a spoonful of sugar"


def png(width, height):
    """An image with something to see."""
    rows = b"".join(
        b"\0" + bytes(value for x in range(width) for value in (255 - y * 255 // height, x * 255 // width, 96))
        for y in range(height)
    )
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    written = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


IMAGE = png(1, 1)
# Attempts are not what these checks are about.
ENVIRONMENT = {
    f"{of}_ATTEMPTS_PER_{by}": "1000000" for of in ("LOGIN", "SIGN_UP") for by in ("ACCOUNT", "ADDRESS")
}


def tools():
    """The folder with the commands of requirements.txt, which are installed where they are missing."""
    folder = TARGET / "api-tools"
    if not (folder / "bin/pip").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    wanted = ["--requirement", ROOT / ".ci/api/requirements.txt"]
    install = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    subprocess.run(install, check=True, stdout=sys.stderr)
    return folder / "bin"


def node_tools():
    """The folder of node, and the node_modules with what package-lock.json has, installed where it is missing."""
    commands = tools()
    folder = TARGET / "api-tools/node"
    lock = (ROOT / ".ci/api/package-lock.json").read_bytes()
    done = folder / "installed"
    if not done.exists() or done.read_bytes() != lock:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / ".ci/api" / name, folder)
        install = [commands / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(install, check=True, cwd=folder, stdout=sys.stderr)
        done.write_bytes(lock)
    return commands, folder / "node_modules"


def operations(description):
    """Method and path of each operation that a description has."""
    paths = description["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


@contextlib.contextmanager
def running(*arguments):
    """The URL of an API that forgets everything when it ends."""
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--workspace", "--bin", "local"], check=True, cwd=ROOT)
    command = [TARGET / "debug/local", "--memory", "--port", "0", *arguments]
    environment = {**os.environ, **ENVIRONMENT}
    local = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        line = next((line for line in local.stdout if "food-app on" in line), None)
        if line is None:
            raise SystemExit("local did not start")
        # What follows is a line for each request: read, so that nothing waits for it.
        threading.Thread(target=local.stdout.read, daemon=True).start()
        yield re.search(r"http://\S+", line)[0]
    finally:
        local.send_signal(signal.SIGINT)
        local.wait()


class Api:
    """A client that is nothing but HTTP."""

    def __init__(self, url):
        self.url = url
        self.users = 0

    def post(self, path, body, token=None):
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def sign_up(self):
        """A new user's address."""
        self.users += 1
        email = f"user{self.users}-{os.getpid()}@example.com"
        self.post("/users", {"first_name": "Ada", "last_name": "Lovelace", "email": email, "password": PASSWORD})
        return email

    def log_in(self, email):
        return self.post("/login", {"email": email, "password": PASSWORD})

    def upload(self, token):
        """The id of an image that waits for its food."""
        asked = {"content_type": "image/png", "size": len(IMAGE)}
        answer = self.post("/food/images", asked, token)
        boundary = "a-boundary-of-ours"
        parts = [
            f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in answer["upload"]["fields"].items()
        ]
        file = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        body = "".join(parts).encode() + file.encode() + IMAGE + f"\r\n--{boundary}--\r\n".encode()
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        urllib.request.urlopen(urllib.request.Request(answer["upload"]["url"], body, headers)).close()
        return answer["image_id"]
