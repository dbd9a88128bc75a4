"""Prints the size of each package in the folder of the argument, and of the binary in it."""

import pathlib
import sys
import zipfile

packages = sorted(pathlib.Path(sys.argv[1]).glob("*/bootstrap.zip"))
if not packages:
    sys.exit("no packages: make build")
print("| Function | Zip, MB | Binary, MB |\n|---|---|---|")
for package in packages:
    binary = zipfile.ZipFile(package).getinfo("bootstrap").file_size
    print(f"| {package.parent.name} | {package.stat().st_size / 1e6:.2f} | {binary / 1e6:.2f} |")
