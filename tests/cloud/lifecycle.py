"""Actions of an operator on the stack: removes a permission, changes parameters, rotates secrets, runs the sweep, deletes everything."""

import json
import subprocess
import sys
import time

import boto3
import deploying_role
import gateway
import stack
import story
from gateway import Client
from local_api import ROOT

ORPHAN = "foods/01990000-0000-7000-8000-00000000ffff/01990000-0000-7000-8000-00000000fffe/320.jpg"


def script(name, *arguments):
    """Runs a script of the operator; prints its output only if it fails."""
    result = subprocess.run([sys.executable, ROOT / "scripts" / name, stack.NAME, *arguments], capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"{result.stdout}{result.stderr}\n{name} exited with {result.returncode}")
    return result.stdout


def check_denials(url):
    """Removes a permission and then an attribute of a condition from the role of get_user, and narrows its boundary. Each time its requests
    fail until the change is undone."""
    iam, client = boto3.client("iam"), Client(url)
    story.sign_up(url)
    path = f"/users/{client.call(200, 'GET', '/users').json[0]['id']}"
    role, name = stack.resources()["GetUserRole"], "get_user"
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

    def put(policy):
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy)

    original = json.dumps(policy)
    for old, new in [('"dynamodb:GetItem"', '"dynamodb:Scan"'), ('"first_name", ', "")]:
        assert old in original, original
        client.call(200, "GET", path)
        put(original.replace(old, new))
        problem = client.call(500, "GET", path).json
        assert "internal_error" in problem, problem
        put(original)
    client.call(200, "GET", path)
    statement = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    narrow = iam.create_policy(PolicyName="probe", PolicyDocument=document)["Policy"]["Arn"]
    boundary = iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=narrow)
    client.call(500, "GET", path)
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=boundary)
    client.call(200, "GET", path)
    iam.delete_policy(PolicyArn=narrow)


def update(**parameters):
    stack.update(**parameters)
    gateway.import_cors()


def check_update(url):
    """Changes parameters: the functions and the gateway get them, and users stay logged in."""
    client = story.log_in(url, story.sign_up(url))
    update(LogLevel="WARN", AllowedOrigin=story.ORIGIN)
    settings = boto3.client("lambda").get_function_configuration(FunctionName=stack.resources()["LoginFunction"])
    assert settings["LoggingConfig"]["ApplicationLogLevel"] == "WARN", settings
    for origin, allowed in [(story.ORIGIN, story.ORIGIN), ("https://other.example", None)]:
        headers = client.call(200, "GET", "/sessions", origin=origin).headers
        assert headers["access-control-allow-origin"] == allowed, headers
    Client(url).call(201, "POST", "/refresh", {"refresh_token": client.refresh_token})
    update(LogLevel="INFO", AllowedOrigin="*")


def check_rotation(url):
    """Rotates the secrets: tokens from before are accepted until `--finish`, and rejected afterwards."""
    email = story.sign_up(url)
    before, idle = story.log_in(url, email), story.log_in(url, email)
    script("rotate-secrets.py")
    before.call(200, "GET", "/sessions")
    after = Client(url).call(201, "POST", "/refresh", {"refresh_token": before.refresh_token}).json
    client = Client(url, after["access_token"])
    client.call(200, "GET", "/sessions")
    script("rotate-secrets.py", "--finish")
    before.call(401, "GET", "/sessions")
    Client(url).call(401, "POST", "/refresh", {"refresh_token": idle.refresh_token})
    client.call(200, "GET", "/sessions")
    Client(url).call(201, "POST", "/refresh", {"refresh_token": after["refresh_token"]})


def start_sweep():
    """Stores an image without a food, and lets the schedule run each minute."""
    boto3.client("s3").put_object(Bucket=stack.outputs()["ImagesBucketName"], Key=ORPHAN, Body=b"orphan")
    schedule("rate(1 minute)")


def schedule(expression):
    events, name = boto3.client("events"), stack.resources()["SweepImagesFunctionDaily"]
    rule = {key: value for key, value in events.describe_rule(Name=name).items() if key in ("Name", "State", "Description")}
    events.put_rule(**rule, ScheduleExpression=expression)


def check_sweep():
    """Waits until a sweep has deleted the image without a food, which it does when the image is older than OrphanMinAgeSeconds."""
    s3, bucket = boto3.client("s3"), stack.outputs()["ImagesBucketName"]
    deadline = time.monotonic() + 600
    while s3.list_objects_v2(Bucket=bucket, Prefix=ORPHAN)["KeyCount"]:
        assert time.monotonic() < deadline, "sweep_images did not delete the orphan"
        time.sleep(1)
    schedule("rate(1 day)")


def check_valkey(url, token_store_url):
    """Moves the sessions to Valkey, which logs all users out."""
    def stored_sessions():
        return boto3.client("dynamodb").scan(TableName=stack.outputs()["SessionsTableName"], Select="COUNT")["Count"]

    email = story.sign_up(url)
    client = story.log_in(url, email)
    stored = stored_sessions()
    update(TokenStoreUrl=token_store_url)
    client.call(401, "GET", "/sessions")
    story.log_in(url, email).call(200, "GET", "/sessions")
    assert stored_sessions() == stored > 0


def remaining():
    """Names of resources of the account by type, without those of the SAM CLI."""
    cloudfront = boto3.client("cloudfront")
    listings = {
        "tables": boto3.client("dynamodb").list_tables()["TableNames"],
        "buckets": [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]],
        "functions": [function["FunctionName"] for function in boto3.client("lambda").list_functions()["Functions"]],
        "roles": [role["RoleName"] for role in boto3.client("iam").list_roles()["Roles"]],
        "policies": [policy["PolicyName"] for policy in boto3.client("iam").list_policies(Scope="Local")["Policies"]],
        "log groups": [group["logGroupName"] for group in boto3.client("logs").describe_log_groups()["logGroups"]],
        "alarms": [alarm["AlarmName"] for alarm in boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "dashboards": [entry["DashboardName"] for entry in boto3.client("cloudwatch").list_dashboards()["DashboardEntries"]],
        "secrets": [secret["Name"] for secret in boto3.client("secretsmanager").list_secrets()["SecretList"]],
        "mappings": [mapping["UUID"] for mapping in boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]],
        "queues": boto3.client("sqs").list_queues().get("QueueUrls", []),
        "topics": [topic["TopicArn"] for topic in boto3.client("sns").list_topics()["Topics"]],
        "rules": [rule["Name"] for rule in boto3.client("events").list_rules()["Rules"]],
        "APIs": [api["ApiId"] for api in boto3.client("apigatewayv2").get_apis()["Items"]],
        "distributions": [item["Id"] for item in cloudfront.list_distributions()["DistributionList"].get("Items", [])],
        "access controls": [item["Id"] for item in cloudfront.list_origin_access_controls()["OriginAccessControlList"].get("Items", [])],
        "cache policies": [
            item["CachePolicy"]["Id"] for item in cloudfront.list_cache_policies(Type="custom")["CachePolicyList"].get("Items", [])
        ],
        "header policies": [
            item["ResponseHeadersPolicy"]["Id"]
            for item in cloudfront.list_response_headers_policies(Type="custom")["ResponseHeadersPolicyList"].get("Items", [])
        ],
        "stacks": [stack["StackName"] for stack in boto3.client("cloudformation").describe_stacks()["Stacks"]],
    }
    # The bucket for packages belongs to the account.
    listings = {kind: [name for name in names if not name.startswith("aws-sam-cli-managed")] for kind, names in listings.items()}
    return {kind: names for kind, names in listings.items() if names}


def check_destroy(folder):
    """Protects the tables and deletes the stack, then its data by the names that were printed before. Nothing is left."""
    stack.update(DeletionProtection="true")
    names = script("delete-data.py").split()
    stack.sam(folder, "delete", "--no-prompts", "--region", boto3.session.Session().region_name)
    deploying_role.delete()
    left = remaining()
    assert left.keys() == {"tables", "buckets"} and sorted(sum(left.values(), [])) == sorted(names), (left, names)
    versions = boto3.client("s3").list_object_versions(Bucket=next(name for name in left["buckets"] if "images" in name))
    assert versions["Versions"] and versions["DeleteMarkers"], "the story should leave deleted renditions"
    script("delete-data.py", *names, "--yes")
    assert not remaining(), remaining()
