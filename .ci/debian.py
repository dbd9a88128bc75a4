"""Commands that the checks need and a machine may not have, from Debian's packages."""

import os
import shutil
import subprocess
import sys


def command(name, *packages):
    """The path of the command; installs the packages where it is missing."""
    if not shutil.which(name):
        apt = ["apt-get"] if os.getuid() == 0 else ["sudo", "apt-get"]
        subprocess.run([*apt, "update", "-qq"], check=True, stdout=sys.stderr)
        install = [*apt, "install", "-qq", "--yes", "--no-install-recommends", *packages]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    return shutil.which(name)
