#!/usr/bin/env python3
"""Checks the layers: dependencies that a crate must not have. Prints violations and then exits with 1."""

import json
import subprocess
import sys

# By crate, prefixes of forbidden dependencies. Dev-dependencies are not checked.
FORBIDDEN = {
    "media": ["domain", "infrastructure", "functions", "tokio"],
    "domain": ["aws", "lambda", "http", "hyper", "serde", "redis", "tokio", "tracing", "infrastructure", "functions"],
    "infrastructure": ["lambda", "functions", "local"],
    "functions": ["aws-sdk", "redis", "local", "engines", "argon2", "bcrypt", "jsonwebtoken"],
}

command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
metadata = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
violations = [
    f"{package['name']}/Cargo.toml depends on {dependency['name']}"
    for package in metadata["packages"]
    for dependency in package["dependencies"]
    if dependency["kind"] is None and dependency["name"].startswith(tuple(FORBIDDEN.get(package["name"], ())))
]
print("\n".join(violations) or "no crate depends on a forbidden crate")
sys.exit(bool(violations))
