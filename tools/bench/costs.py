#!/usr/bin/env python3
"""Computes what requests cost: memory from functions/src/routes.rs, durations and capacity units as measured, AWS's list prices.

  tools/bench/costs.py            print the tables
  tools/bench/costs.py --check    fail if docs/COSTS.md has other tables between its lines <!-- costs --> and <!-- /costs -->
  tools/bench/costs.py --write    update them"""

import argparse
import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/COSTS.md"
BLOCK = re.compile(r"(?<=<!-- costs -->\n).*?(?=<!-- /costs -->)", re.DOTALL)

# US dollars in us-east-1, without free tiers.
GATEWAY, LAMBDA = 1.00, 0.20  # a million requests
GB_SECOND = 0.0000133334  # Lambda on arm64
READ_UNIT, WRITE_UNIT = 0.125, 0.625  # a million units of DynamoDB on demand
S3_PUT = 5.00  # a million
S3_GB_MONTH = 0.023
CDN_GB, CDN_REQUESTS = 0.085, 1.00  # CloudFront: a GB; a million HTTPS requests
OBSERVABILITY = 0.85  # logs and traces of a million requests: docs/decisions/0021-one-log-line-per-request.md
FIXED = 17.20  # a month: secrets, alarms and dashboard 12.40, metrics in the logs 4.80


class Request(NamedTuple):
    title: str
    function: str
    duration_ms: float
    read_units: float
    write_units: float
    s3_puts: int
    share: float  # of all requests, in the typical mix
    images: int = 0  # that a client then loads from CloudFront
    image_kb: float = 0


# Durations: measured CPU at the function's memory, and assumed waits (tools/bench/memory_sizes.py). Units: docs/CAPACITY.md.
REQUESTS = [
    Request("GET /food/{food_id}", "get_food", 6, 0.5, 0, 0, 0.45, images=1, image_kb=40),
    Request("GET /food?limit=20", "list_food", 8, 3, 0, 0, 0.30, images=20, image_kb=12),
    Request("GET /food (100 foods)", "list_food", 12, 13, 0, 0, 0),
    Request("GET /users/{user_id}", "get_user", 6, 0.5, 0, 0, 0.05),
    Request("POST /users", "create_user", 25, 0, 7, 0, 0.01),
    Request("POST /login", "login", 34, 3, 5, 0, 0.05),
    Request("POST /refresh", "refresh", 6, 1, 1, 0, 0.10),
    Request("POST /food, 12 megapixels", "create_food", 750, 3, 6, 8, 0.02),
    Request("PUT /food/{food_id}, text", "update_food", 16, 3, 2, 0, 0.01),
    Request("DELETE /food/{food_id}", "delete_food", 36, 3, 6, 0, 0.01),
]
FOOD_MB = 1.2  # eight renditions


def memory_sizes():
    """Returns the memory size of each function in MB, by name, from the table in routes.rs."""
    table = (ROOT / "functions/src/routes.rs").read_text()
    return {name: int(memory) for name, memory in re.findall(r"^ +(\w+) \w+ \(.*?(\d+)\);$", table, re.MULTILINE)}


def compute(request, memory):
    """Returns the price of the GB-seconds on Lambda of a million requests, in dollars."""
    return 1000 * request.duration_ms * memory[request.function] / 1024 * GB_SECOND


def database(request):
    return request.read_units * READ_UNIT + request.write_units * WRITE_UNIT


def per_million(request, memory):
    return compute(request, memory) + database(request) + GATEWAY + LAMBDA + request.s3_puts * S3_PUT


def mix(value):
    """Returns the mean of `value`, a function of a request, over the typical mix of requests."""
    return sum(request.share * value(request) for request in REQUESTS)


def monthly(requests):
    """Returns the cost of a month with this number of requests in dollars, by service; the month's new images are stored for a month."""
    memory, millions = memory_sizes(), requests / 1e6
    new_foods_gb = next(r.share for r in REQUESTS if r.function == "create_food") * requests * FOOD_MB / 1000
    cdn_gb = mix(lambda r: r.images * r.image_kb) * millions  # a million KB is a GB
    return {
        "Functions": millions * (LAMBDA + mix(lambda r: compute(r, memory))),
        "API Gateway": millions * GATEWAY,
        "DynamoDB": millions * mix(database),
        "S3 and CloudFront": millions * (mix(lambda r: r.s3_puts) * S3_PUT + mix(lambda r: r.images) * CDN_REQUESTS)
        + new_foods_gb * S3_GB_MONTH + cdn_gb * CDN_GB,
        "Logs, traces, fixed": millions * OBSERVABILITY + FIXED,
    }


def units(request):
    pairs = [(request.read_units, "R"), (request.write_units, "W")]
    return ", ".join(f"{number:g} {unit}" for number, unit in pairs if number)


def tables():
    memory = memory_sizes()
    lines = [
        "| A million of | Time and memory | Compute | DynamoDB | Gateway, Lambda, S3 | Sum |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for request in REQUESTS:
        services = GATEWAY + LAMBDA + request.s3_puts * S3_PUT
        lines.append(
            f"| {request.title} | {request.duration_ms:g} ms, {memory[request.function]} MB | {compute(request, memory):.2f} "
            f"| {units(request)} = {database(request):.2f} | {services:.2f} | {per_million(request, memory):.2f} |"
        )
    shares = ", ".join(f"{request.share:.0%} {request.title}" for request in sorted(REQUESTS, key=lambda r: -r.share) if request.share)
    lines += [
        "", f"A million requests of the typical mix cost **${mix(lambda r: per_million(r, memory)):.2f}**: {shares}.",
        "", f"By month, with {FOOD_MB} MB of renditions for each new food. Clients load images from CloudFront and cache none: one of 40 KB with a "
        "food, 20 of 12 KB with a list.",
        "", "| Requests a month | " + " | ".join(monthly(0)) + " | Total |", "|---:|" + "---:|" * (len(monthly(0)) + 1),
    ]
    for exponent in range(4, 9):
        costs = [*monthly(10**exponent).values()]
        lines.append(f"| {10**exponent:,} | " + " | ".join(f"{cost:,.2f}" for cost in [*costs, sum(costs)]) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="compare with docs/COSTS.md")
    action.add_argument("--write", action="store_true", help="update docs/COSTS.md")
    arguments = parser.parse_args()
    if not (arguments.check or arguments.write):
        print(tables(), end="")
        return 0
    text = DOCUMENT.read_text()
    updated, blocks = BLOCK.subn(lambda _: tables(), text)
    if not blocks:
        print(f"{DOCUMENT} has no lines <!-- costs --> and <!-- /costs -->")
        return 1
    if arguments.write:
        DOCUMENT.write_text(updated)
    elif updated != text:
        print("docs/COSTS.md differs from the computed costs: tools/bench/costs.py --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
