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
# Of one crate each, and why.
LICENCES_OF = {
    # libFuzzer's own, as liberal as BSD's. Only `make fuzz` links it, and nobody is given what that builds: what is shipped may not (NONE_OF).
    "libfuzzer-sys": {"NCSA"},
}
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"

# A function links one of each, and so must the rest of the workspace where it can.
ONE_OF = ["http", "http-body", "hyper", "rustls", "rustls-webpki", "tokio", "tokio-rustls", "ring"]
# A second TLS or HTTP stack, or one that is not ours.
NONE_OF = [
    "aws-config", "aws-lc-rs", "aws-lc-sys", "native-tls", "openssl", "openssl-sys", "reqwest", "ureq",
    "async-std", "smol", "libfuzzer-sys",
]
# What functions are shipped for, and what most of us build on: a crate may be linked on one of them only.
TARGETS = ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"]

# A workspace of its own, whose programs are measured and never shipped. The third of them shows what a function costs that takes what
# the guides take, and so links what ours may not.
YARDSTICKS = "bench/yardsticks/Cargo.toml"
MEASURED = ["floor", "by_hand"]

# What a layer's manifest may not name, by the beginning of the crate's name.
LAYERS = {
    "domain": ["aws", "lambda", "http", "hyper", "serde", "redis", "tokio", "tracing", "infrastructure", "functions"],
    "pictures": ["domain", "infrastructure", "functions", "tokio", "libwebp"],
    "variants": ["domain", "infrastructure", "functions", "tokio"],
    "infrastructure": ["lambda", "functions", "local"], # JSON it has: the policy of an upload is some
    "functions": ["aws-sdk", "redis", "local", "engines", "argon2", "bcrypt", "jsonwebtoken"],
}


def cargo(*arguments):
    command = ["cargo", *arguments, "--locked"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def is_allowed(expression, licences):
    """Whether a choice that the SPDX expression leaves is made of these licences."""
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
        return name in licences

    return alternatives(tokens)


def linked(package, target, *where):
    """The crates that a package's own code links, without those of its build and tests: name and version."""
    edges = ["--edges", "normal", "--prefix", "none", "--format", "{p}", "--target", target]
    tree = cargo("tree", "--package", package, *edges, *where)
    found = set()
    for line in tree.splitlines():
        match = re.match(r"(\S+) v(\S+)", line)
        if match:
            found.add(match.groups())
    return found


def main():
    wrong = []
    yardsticks = ["--manifest-path", YARDSTICKS]
    # Also what only a feature brings along.
    metadata = ["metadata", "--format-version", "1", "--all-features"]
    packages = json.loads(cargo(*metadata))["packages"]
    measured = json.loads(cargo(*metadata, *yardsticks))["packages"]
    for package in packages + measured:
        name = f"{package['name']} {package['version']}"
        if package["source"] not in (None, REGISTRY):
            wrong.append(f"{name} comes from {package['source']}")
        licences = LICENCES | LICENCES_OF.get(package["name"], set())
        if not is_allowed(package["license"] or "none", licences):
            wrong.append(f"{name} has the licence {package['license']}")

    roots = [(root, []) for root in ("functions", "local", "import")] + [(root, yardsticks) for root in MEASURED]
    for root, where in roots:
        for target in TARGETS:
            crates = linked(root, target, *where)
            for name in ONE_OF:
                versions = sorted(version for crate, version in crates if crate == name)
                if len(versions) > 1:
                    wrong.append(f"{root} links {name} {' and '.join(versions)} for {target}")
            wrong += [f"{root} links {crate} for {target}" for crate, _ in sorted(crates) if crate in NONE_OF]

    by_name = {package["name"]: package for package in packages if package["source"] is None}
    for layer, beginnings in LAYERS.items():
        for dependency in by_name[layer]["dependencies"]:
            if dependency["kind"] is None and dependency["name"].startswith(tuple(beginnings)):
                wrong.append(f"{layer}/Cargo.toml names {dependency['name']}")

    for line in wrong:
        print(line)
    crates = {(package["name"], package["version"]) for package in packages + measured}
    print(f"{len(crates)} crates, {len(wrong)} objections")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
