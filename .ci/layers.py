#!/usr/bin/env python3
"""Checks the layers: which crates a crate's manifest may not name. Prints what is wrong and ends with 1."""

import json
import subprocess
import sys

# By the beginning of the crate's name. Dependencies of tests are not looked at.
NOT_NAMED_BY = {
    "media": ["domain", "infrastructure", "functions", "tokio"],
    "domain": ["aws", "lambda", "http", "hyper", "serde", "redis", "tokio", "tracing", "infrastructure", "functions"],
    "infrastructure": ["lambda", "functions", "local"],
    "functions": ["aws-sdk", "redis", "local", "engines", "argon2", "bcrypt", "jsonwebtoken"],
}

command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
metadata = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
wrong = [
    f"{package['name']}/Cargo.toml names {dependency['name']}"
    for package in metadata["packages"]
    for dependency in package["dependencies"]
    if dependency["kind"] is None and dependency["name"].startswith(tuple(NOT_NAMED_BY.get(package["name"], ())))
]
print("\n".join(wrong) or "every crate stays in its layer")
sys.exit(bool(wrong))
