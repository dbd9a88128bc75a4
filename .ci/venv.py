"""Python packages of .ci/tools.txt for a script."""

import os
import subprocess
import sys
from pathlib import Path


def use(*packages):
    """Runs the script again with the Python that has the packages, unless it is that one."""
    install = [Path(__file__).with_name("tools"), *packages]
    folder = subprocess.run(install, check=True, capture_output=True, text=True).stdout.strip()
    python = Path(folder, "python")
    if Path(sys.executable) != python:
        os.execv(python, [str(python), *sys.argv])
