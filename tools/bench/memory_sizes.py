#!/usr/bin/env python3
"""Computes for each function the memory size with the lowest cost × latency: docs/decisions/0012-memory-sizes.md.

A single-threaded function with M MB has min(1, M / 1769) of a core. Lambda bills waiting like computing. One call in a hundred is cold.

    latency   CPU / min(1, M / 1769) + wait, the mean over cold and warm calls
    cost      of a million calls: $0.20, and the duration × M / 1024 GB, rounded up to milliseconds
    best      the M with the lowest product

    tools/bench/memory_sizes.py                       all functions
    tools/bench/memory_sizes.py login                 sizes of one function
    tools/bench/memory_sizes.py --cpu 2 --wait 0.5    cores half as fast, databases twice as fast"""

import argparse
import pathlib
import re

CORE = 1769  # MB: "Configure Lambda function memory" in AWS's guide
GB_SECOND = 0.0000133334  # dollars on arm64 in us-east-1: https://aws.amazon.com/lambda/pricing/
REQUESTS = 0.20  # dollars a million calls, same source
COLD = 0.01  # share of calls

# Assumed durations in ms: a call to DynamoDB, an S3 PutObject and DeleteObject, a TLS connection.
DYNAMODB, PUT, DELETE, CONNECT = 4, 30, 20, 4

# Measured CPU in ms of a whole core, of a warm call and of a cold one since the process started (see the decision); and the sequential
# calls it waits for (docs/CAPACITY.md).
FUNCTIONS = {
    "create_user": (20, 29, 2 * [DYNAMODB]),
    "list_users": (0.25, 2.6, [DYNAMODB]),
    "get_user": (0.24, 2.6, [DYNAMODB]),
    "get_current_user": (0.6, 3, [DYNAMODB]),
    "change_password": (40, 50, 8 * [DYNAMODB]),
    "delete_user": (2, 6, 8 * [DYNAMODB] + [DELETE]),
    "login": (21, 30, 4 * [DYNAMODB]),
    "logout": (0.66, 3, 2 * [DYNAMODB]),
    "refresh": (0.56, 2.8, [DYNAMODB]),
    "list_sessions": (0.6, 3, 2 * [DYNAMODB]),
    "revoke_session": (0.8, 3.2, 3 * [DYNAMODB]),
    "revoke_sessions": (0.8, 3.2, 2 * [DYNAMODB]),
    "create_food": (2.7, 6, 2 * [DYNAMODB] + [PUT]),
    "list_food": (0.29, 2.7, [DYNAMODB]),
    "get_food": (0.26, 2.6, [DYNAMODB]),
    "update_food": (2.8, 6, 2 * [DYNAMODB] + [PUT, DELETE]),
    "delete_food": (1.1, 4.1, 2 * [DYNAMODB] + [DELETE]),
}


def figures(name, memory, factors):
    """Returns the latency of a warm and of a cold call in ms, the cost of a million calls in dollars, and cost × mean latency."""
    warm_cpu, cold_cpu, waits = FUNCTIONS[name]
    share = min(1, memory / CORE)
    connections = 2 if PUT in waits or DELETE in waits else 1
    warm = factors.cpu * warm_cpu / share + factors.wait * sum(waits)
    cold = factors.cpu * cold_cpu / share + factors.wait * (sum(waits) + connections * CONNECT)
    latency = (1 - COLD) * warm + COLD * cold
    billed = latency + 0.5  # rounding up adds half a millisecond on average
    cost = REQUESTS + 1000 * billed * memory / 1024 * GB_SECOND
    return warm, cold, cost, cost * latency


def best(name, factors):
    return min(range(128, 3009), key=lambda memory: figures(name, memory, factors)[-1])


def template_sizes():
    """Returns the memory size of each function in MB, by name, from template.yaml."""
    text = (pathlib.Path(__file__).parents[2] / "template.yaml").read_text()
    return {name: int(memory) for name, memory in re.findall(r"Binary: (\w+)\n.*?MemorySize: (\d+)", text, re.DOTALL)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("function", nargs="?", choices=FUNCTIONS, metavar="FUNCTION")
    parser.add_argument("--cpu", type=float, default=1, metavar="FACTOR", help="multiply the measured CPU")
    parser.add_argument("--wait", type=float, default=1, metavar="FACTOR", help="multiply the assumed waits")
    factors = parser.parse_args()
    chosen = template_sizes()
    heading = "Warm, ms | Cold, ms | $ a million | Cost × latency"
    if factors.function:
        name = factors.function
        sizes = {128, 192, 256, 384, 512, 768, 1024, 1536, CORE, 2048, 3008, best(name, factors), chosen[name]}
        print(f"| MB | {heading} |\n|---|---|---|---|---|")
        for memory in sorted(sizes):
            warm, cold, cost, product = figures(name, memory, factors)
            print(f"| {memory} | {warm:.1f} | {cold:.1f} | {cost:.3f} | {product:.2f} |")
        return
    print(f"| Function | Best, MB | In the template | {heading} | relative to the best |\n|---|---|---|---|---|---|---|---|")
    for name in FUNCTIONS:
        memory = chosen[name]
        warm, cold, cost, product = figures(name, memory, factors)
        least = figures(name, best(name, factors), factors)[-1]
        print(f"| {name} | {best(name, factors)} | {memory} | {warm:.1f} | {cold:.1f} | {cost:.3f} | {product:.2f} "
              f"| × {product / least:.2f} |")


main()
