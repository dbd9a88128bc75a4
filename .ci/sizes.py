"""Prints how large the packages in the folder are that is named as argument: each zip, and the program in it."""

import pathlib
import sys
import zipfile

packages = sorted(pathlib.Path(sys.argv[1]).glob("*/bootstrap.zip"))
if not packages:
    sys.exit("no packages: make build")
print("| Function | Zip, MB | Program, MB |\n|---|---|---|")
for package in packages:
    program = zipfile.ZipFile(package).getinfo("bootstrap").file_size
    print(f"| {package.parent.name} | {package.stat().st_size / 1e6:.2f} | {program / 1e6:.2f} |")
