"""The local server for checks over HTTP: builds it, starts it on a free port and stops it. Installs the tools of these checks."""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
PASSWORD = "a spoonful of sugar"
STARTED = time.monotonic()


def step(text):
    """Prints a step that may take long, after the seconds since the start."""
    print(f"{time.monotonic() - STARTED:4.0f} s  {text}", file=sys.stderr, flush=True)


# A PNG of one pixel.
IMAGE = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z5AAAANhAWDvTtEgAAAAAElFTkSuQmCC")
# High rate limits: these checks send many requests from one client IP.
ENVIRONMENT = {
    f"{action}_ATTEMPTS_PER_{key}": "1000000" for action in ("LOGIN", "SIGN_UP") for key in ("ACCOUNT", "ADDRESS")
}


def install(name, requirements, packages):
    """Installs a requirements file into a folder of the target folder and returns the folder of its commands."""
    folder = TARGET / name
    requirements = ROOT / requirements
    installed = folder / "requirements.txt"
    if not installed.exists() or installed.read_bytes() != requirements.read_bytes():
        step(f"installing {packages} with pip")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements]
        subprocess.run(install, check=True, stdout=sys.stderr)
        shutil.copy(requirements, installed)
    return folder / "bin"


def tools():
    """Installs the Python packages of the checks over HTTP."""
    return install("api-tools", ".ci/api/requirements.txt", "schemathesis, Selenium, Node.js and a client generator")


def node_tools():
    """Installs package-lock.json into the target folder and returns the folder of node and the folder node_modules."""
    commands = tools()
    folder = TARGET / "api-tools/node"
    lock = (ROOT / ".ci/api/package-lock.json").read_bytes()
    installed = folder / "installed"
    if not installed.exists() or installed.read_bytes() != lock:
        step("installing Bruno, TypeScript and openapi-typescript with npm")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / ".ci/api" / name, folder)
        install = [commands / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(install, check=True, cwd=folder, stdout=sys.stderr)
        installed.write_bytes(lock)
    return commands, folder / "node_modules"


def operations(document):
    """Method and path of each operation in an OpenAPI document."""
    paths = document["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


@contextlib.contextmanager
def running(*arguments):
    """Starts the local server without persistent data and returns its URL."""
    step("building and starting the local server")
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--workspace", "--bin", "local"], check=True, cwd=ROOT)
    command = [TARGET / "debug/local", "--memory", "--port", "0", *arguments]
    environment = {**os.environ, **ENVIRONMENT}
    local = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        line = next((line for line in local.stdout if "food-app on" in line), None)
        if line is None:
            raise SystemExit("local did not start")
        # The server writes a line for each request and would block on a full pipe.
        threading.Thread(target=local.stdout.read, daemon=True).start()
        yield re.search(r"http://\S+", line)[0]
    finally:
        local.send_signal(signal.SIGINT)
        local.wait()


class Api:
    """A client with the standard library only."""

    def __init__(self, url):
        self.url = url
        self.users = 0

    def post(self, path, body, token=None):
        headers = {"content-type": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as response:
            return json.load(response)

    def sign_up(self):
        """Creates a user and returns the e-mail address."""
        self.users += 1
        email = f"user{self.users}-{os.getpid()}@example.com"
        self.post("/users", {"first_name": "Ada", "last_name": "Okafor", "email": email, "password": PASSWORD})
        return email

    def log_in(self, email):
        return self.post("/login", {"email": email, "password": PASSWORD})

    def upload(self, token):
        """Uploads an image with a presigned form and returns its id."""
        presigned = self.post("/food/images", {"content_type": "image/png", "size": len(IMAGE)}, token)
        boundary = "form-boundary"
        parts = [
            f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in presigned["upload"]["fields"].items()
        ]
        file = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        body = "".join(parts).encode() + file.encode() + IMAGE + f"\r\n--{boundary}--\r\n".encode()
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        urllib.request.urlopen(urllib.request.Request(presigned["upload"]["url"], body, headers)).close()
        return presigned["image_id"]
