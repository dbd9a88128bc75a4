#!/usr/bin/env python3
"""Checks the dependencies: licences and sources of all crates, one TLS, HTTP and runtime stack in a
function, and the layers of the workspace. Prints what is wrong and ends with 1."""

import json
import re
import subprocess
import sys

# Licences that a distributor of binaries can follow by naming them.
LICENCES = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0",
    "CDLA-Permissive-2.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "Unicode-3.0", "Unlicense", "Zlib",
    # Asks for the source of its own files, which we do not change: cssparser, below ammonia.
    "MPL-2.0",
}
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"

# A function links one of each, and so must the rest of the workspace where it can.
ONE_OF = ["http", "http-body", "hyper", "rustls", "rustls-webpki", "tokio", "tokio-rustls", "ring"]
# A second TLS or HTTP stack, or one that is not ours.
NONE_OF = [
    "aws-config", "aws-lc-rs", "aws-lc-sys", "native-tls", "openssl", "openssl-sys", "reqwest", "ureq",
    "async-std", "smol",
]

# What a layer's manifest may not name, by the beginning of the crate's name.
LAYERS = {
    "domain": ["aws", "lambda", "http", "hyper", "serde", "redis", "tokio", "tracing", "infrastructure", "functions"],
    "infrastructure": ["lambda", "functions", "local", "serde_json"],
    "functions": ["aws-sdk", "redis", "local", "engines", "argon2", "bcrypt", "jsonwebtoken"],
}


def cargo(*arguments):
    command = ["cargo", *arguments, "--locked"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def is_allowed(expression):
    """Whether a choice that the SPDX expression leaves is made of allowed licences."""
    tokens = re.findall(r"\(|\)|[^\s()/]+|/", expression)

    def alternatives(tokens):
        allowed = together(tokens)
        while tokens and tokens[0] in ("OR", "/"):
            tokens.pop(0)
            allowed = together(tokens) or allowed
        return allowed

    def together(tokens):
        allowed = licence(tokens)
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            allowed = licence(tokens) and allowed
        return allowed

    def licence(tokens):
        name = tokens.pop(0)
        if name == "(":
            allowed = alternatives(tokens)
            tokens.pop(0)
            return allowed
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            name += " WITH " + tokens.pop(0)
        return name in LICENCES

    return alternatives(tokens)


def linked(package):
    """The crates that a package's own code links, without those of its build and tests: name and version."""
    tree = cargo("tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}")
    found = set()
    for line in tree.splitlines():
        match = re.match(r"(\S+) v(\S+)", line)
        if match:
            found.add(match.groups())
    return found


def main():
    wrong = []
    packages = json.loads(cargo("metadata", "--format-version", "1"))["packages"]
    for package in packages:
        name = f"{package['name']} {package['version']}"
        if package["source"] not in (None, REGISTRY):
            wrong.append(f"{name} comes from {package['source']}")
        if not is_allowed(package["license"] or "none"):
            wrong.append(f"{name} has the licence {package['license']}")

    for root in ("functions", "local", "import"):
        crates = linked(root)
        for name in ONE_OF:
            versions = sorted(version for crate, version in crates if crate == name)
            if len(versions) > 1:
                wrong.append(f"{root} links {name} {' and '.join(versions)}")
        wrong += [f"{root} links {crate}" for crate, _ in sorted(crates) if crate in NONE_OF]

    by_name = {package["name"]: package for package in packages if package["source"] is None}
    for layer, beginnings in LAYERS.items():
        for dependency in by_name[layer]["dependencies"]:
            if dependency["kind"] is None and dependency["name"].startswith(tuple(beginnings)):
                wrong.append(f"{layer}/Cargo.toml names {dependency['name']}")

    for line in wrong:
        print(line)
    print(f"{len(packages)} crates, {len(wrong)} objections")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
