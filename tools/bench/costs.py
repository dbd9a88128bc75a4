#!/usr/bin/env python3
"""Computes what requests and recommendations cost: memory from functions/src/routes.rs, durations and capacity units as measured, AWS's
list prices.

  tools/bench/costs.py            print the tables
  tools/bench/costs.py --check    fail if docs/COSTS.md or docs/RECOMMENDATIONS.md has other tables between its lines <!-- costs --> and
                                  <!-- /costs -->
  tools/bench/costs.py --write    update them"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
RECORDED_RECOMMENDATIONS = ROOT / "tools/recommend-bench/recorded.json"
BLOCK = re.compile(r"(?<=<!-- costs -->\n).*?(?=<!-- /costs -->)", re.DOTALL)

# US dollars in us-east-1, without free tiers.
GATEWAY, LAMBDA = 1.00, 0.20  # a million requests
GB_SECOND = 0.0000133334  # Lambda on arm64
READ_UNIT, WRITE_UNIT = 0.125, 0.625  # a million units of DynamoDB on demand
TABLE_GB_MONTH = 0.25
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
    Request("GET /food/{food_id}", "get_food", 6, 1.5, 0, 0, 0.45, images=1, image_kb=40),
    Request("GET /food?limit=20", "list_food", 8, 3, 0, 0, 0.30, images=20, image_kb=12),
    Request("GET /food (100 foods)", "list_food", 12, 13, 0, 0, 0),
    Request("GET /users/{user_id}", "get_user", 6, 0.5, 0, 0, 0.05),
    Request("POST /users", "create_user", 25, 0, 7, 0, 0.01),
    Request("POST /login", "login", 34, 3, 5, 0, 0.05),
    Request("POST /refresh", "refresh", 6, 1, 1, 0, 0.10),
    Request("POST /food, 12 megapixels", "create_food", 750, 3, 6, 8, 0.02),
    Request("PUT /food/{food_id}, text", "update_food", 16, 3, 2, 0, 0.01),
    Request("DELETE /food/{food_id}", "delete_food", 36, 3, 6, 0, 0.01),
    Request("PUT /food/{food_id}/like", "like_food", 20, 4, 6, 0, 0),
    Request("GET /recommendations", "recommend", 20, 50, 0, 0, 0),
    Request("GET /food/{food_id}/similar", "similar_food", 12, 14, 0, 0, 0),
]
FOOD_MB = 1.2  # eight renditions


class Likes(NamedTuple):
    """Assumptions about likes and recommendations."""

    likes: float = 10  # of a user, a month
    recommendations: float = 20  # requests of a user, a month
    similar: float = 5
    stored: float = 50  # likes of a user
    users_per_food: float = 10
    like_bytes: int = 615  # an item and two index entries, with 100 bytes that DynamoDB adds to each
    profile_bytes: int = 1_100
    food_bytes: int = 2_900  # neighbours and counts
    changed_lists: float = 0.3  # of all lists, a night
    stream_ms: float = 30
    training_seconds: float = 110  # of one processor, for a million likes: docs/RECOMMENDATIONS.md
    training_gb: float = 10


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


def recommendation_units():
    """Returns the mean read units of GET /recommendations, and the units of the stream function per like alone and in batches of 100."""
    recorded = json.loads(RECORDED_RECOMMENDATIONS.read_text())
    stream = recorded["stream_per_like"]
    alone, batch = (
        (cost["read_units"]["mean"], cost["write_units"]["mean"] + cost["write_units_of_shown_likes"])
        for cost in (stream["random-7, one by one"], stream["random-7, batches of 100"])
    )
    return recorded["requests"]["ml-100k at random: trained lists"]["read_units"]["mean"], alone, batch


def recommendations(users, assumed=Likes()):
    """Returns the cost of likes and recommendations in a month in dollars, by part."""
    memory, millions = memory_sizes(), users / 1e6
    reads, alone, batch = recommendation_units()
    read, write = alone if users < 100_000 else batch
    invocations = 2 if users < 100_000 else 0.04
    foods, likes = users / assumed.users_per_food, users * assumed.stored
    scanned_kb = (likes * 105 + users * assumed.profile_bytes + foods * assumed.food_bytes) / 1024
    training = 30 * (
        (scanned_kb / 4 / 2 * READ_UNIT + foods * assumed.changed_lists * 2 * WRITE_UNIT) / 1e6
        + likes / 1e6 * assumed.training_seconds * assumed.training_gb * GB_SECOND
    )
    stored_gb = (likes * assumed.like_bytes + users * assumed.profile_bytes + foods * assumed.food_bytes) / 1e9
    by_title = {request.title: request for request in REQUESTS}
    recommend = by_title["GET /recommendations"]._replace(read_units=reads)
    return {
        "GET /recommendations": millions * assumed.recommendations * per_million(recommend, memory),
        "GET /food/{food_id}/similar": millions * assumed.similar * per_million(by_title["GET /food/{food_id}/similar"], memory),
        "PUT /food/{food_id}/like": millions * assumed.likes * per_million(by_title["PUT /food/{food_id}/like"], memory),
        "Stream function": millions * assumed.likes * (
            read * READ_UNIT + write * WRITE_UNIT + invocations * LAMBDA + 1000 * assumed.stream_ms / 2 * GB_SECOND
        ),
        "Nightly training": training,
        "Storage": stored_gb * TABLE_GB_MONTH,
    }


def recommendation_tables():
    assumed = Likes()
    columns = {users: recommendations(users) for users in (1_000, 1_000_000, 100_000_000)}
    lines = [
        f"Assumed for each user: {assumed.likes:g} likes, {assumed.recommendations:g} requests for recommendations and {assumed.similar:g} for similar "
        f"foods a month; {assumed.stored:g} stored likes; one food for {assumed.users_per_food:g} users.",
        "",
        "| US dollars a month | 1,000 users | 1 million | 100 million |", "|---|---:|---:|---:|",
    ]
    for part in columns[1_000]:
        lines.append(f"| {part} | " + " | ".join(f"{column[part]:,.3f}" if users == 1_000 else f"{column[part]:,.0f}" for users, column in columns.items()) + " |")
    sums = {users: sum(column.values()) for users, column in columns.items()}
    lines.append(f"| **Sum** | {sums[1_000]:,.3f} | {sums[1_000_000]:,.0f} | {sums[100_000_000]:,.0f} |")
    lines.append("| a user and month | " + " | ".join(f"{value / users:.5f}" for users, value in sums.items()) + " |")
    return "\n".join(lines) + "\n"


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
    action.add_argument("--check", action="store_true", help="compare with the documents")
    action.add_argument("--write", action="store_true", help="update the documents")
    arguments = parser.parse_args()
    status = 0
    for name, computed in {"COSTS.md": tables(), "RECOMMENDATIONS.md": recommendation_tables()}.items():
        if not (arguments.check or arguments.write):
            print(computed)
            continue
        document = ROOT / "docs" / name
        text = document.read_text()
        updated, blocks = BLOCK.subn(lambda _: computed, text)
        if not blocks:
            print(f"{document} has no lines <!-- costs --> and <!-- /costs -->")
            status = 1
        elif arguments.write:
            document.write_text(updated)
        elif updated != text:
            print(f"{document} differs from the computed costs: tools/bench/costs.py --write")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
