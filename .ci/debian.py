"""Installs commands that the checks need with apt."""

import os
import shutil
import subprocess
import sys


def command(name, *packages):
    """Returns the path of the command; installs the packages if it is missing."""
    if not shutil.which(name):
        print(f"installing {', '.join(packages)} with apt", file=sys.stderr, flush=True)
        apt = ["apt-get"] if os.getuid() == 0 else ["sudo", "apt-get"]
        subprocess.run([*apt, "update", "-qq"], check=True, stdout=sys.stderr)
        install = [*apt, "install", "-qq", "--yes", "--no-install-recommends", *packages]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    return shutil.which(name)
