"""Runs a script with Python packages of .ci/tools.txt."""

import os
import subprocess
import sys
from pathlib import Path


def use(*packages):
    """Installs the packages and restarts the script with the Python that has them."""
    install = [Path(__file__).with_name("tools"), *packages]
    folder = subprocess.run(install, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    python = Path(folder, "python")
    if Path(sys.executable) != python:
        os.execv(python, [str(python), *sys.argv])
