"""Deletes the tables and buckets that stay after a stack was deleted, with all data. Region and credentials come from the environment.

  delete-data.py STACK                  prints the names for an existing stack; `make destroy` runs it
  delete-data.py STACK NAME… [--yes]    deletes the tables and buckets with these names, after a question

Refuses names that do not begin with the name of the stack, and the names of an existing stack. Turns the deletion protection of tables
off and empties buckets with all versions and delete markers. Backups of the tables stay for 35 days. Runs with the Python of .ci/tools."""

import argparse
import sys

import boto3
from botocore.exceptions import ClientError


def retained(stack):
    """Names of the tables and buckets of a stack, also of one whose creation failed; `None` if it does not exist."""
    cloudformation = boto3.client("cloudformation")
    try:
        cloudformation.describe_stacks(StackName=stack)
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return None
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        resource["PhysicalResourceId"] for page in pages for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] in ("AWS::DynamoDB::Table", "AWS::S3::Bucket") and resource["ResourceStatus"] != "DELETE_COMPLETE"
    ]


def exists(name, describe, *codes):
    try:
        describe(name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise
        return False
    return True


def delete_table(name):
    client = boto3.client("dynamodb")
    if client.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
        client.update_table(TableName=name, DeletionProtectionEnabled=False)
        client.get_waiter("table_exists").wait(TableName=name)
    client.delete_table(TableName=name)
    client.get_waiter("table_not_exists").wait(TableName=name)


def delete_bucket(name):
    bucket = boto3.resource("s3").Bucket(name)
    bucket.object_versions.delete()
    bucket.delete()


def main():
    arguments = argparse.ArgumentParser(description="Deletes the tables and buckets that a deleted stack left.")
    arguments.add_argument("stack")
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--yes", action="store_true", help="delete without a question")
    options = arguments.parse_args()
    names = retained(options.stack)
    if not options.names:
        if names is None:
            sys.exit(f"there is no stack {options.stack}; pass the names of its tables and buckets")
        print(*names)
        return
    if names is not None:
        sys.exit(f"the stack {options.stack} exists; delete it first (make destroy)")
    if others := [name for name in options.names if not name.lower().startswith(f"{options.stack.lower()}-")]:
        sys.exit(f"not of the stack {options.stack}: {', '.join(others)}")
    dynamodb, s3 = boto3.client("dynamodb"), boto3.client("s3")
    tables = [
        name for name in options.names if exists(name, lambda name: dynamodb.describe_table(TableName=name), "ResourceNotFoundException")
    ]
    buckets = [
        name for name in options.names
        if name not in tables and name.islower() and exists(name, lambda name: s3.head_bucket(Bucket=name), "404")
    ]
    for name in options.names:
        print(f"{'table' if name in tables else 'bucket' if name in buckets else 'does not exist'}: {name}", flush=True)
    if not options.yes and input(f"This deletes all data. Type {options.stack} to continue: ") != options.stack:
        sys.exit("nothing was deleted")
    for name in tables:
        delete_table(name)
        print(f"deleted {name}", flush=True)
    for name in buckets:
        delete_bucket(name)
        print(f"deleted {name}", flush=True)


if __name__ == "__main__":
    main()
