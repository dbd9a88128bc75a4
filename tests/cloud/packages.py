"""Creates the folder that `make deploy` deploys: the template as `sam build` writes it, and one package per function with its debug binary.

The template is changed where the emulator lacks a feature. `check_workarounds` fails once the emulator has it."""

import json
import os
import shutil
import subprocess
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable

import boto3
from botocore.exceptions import ClientError
from local_api import ROOT, TARGET
from samcli.yamlhelper import yaml_dump, yaml_parse


@dataclass
class Workaround:
    """A change of the template: the missing feature, a call that fails without the feature, part of its error, and the change."""

    feature: str
    probe: Callable
    error: str
    change: Callable


def remove_queries(resources):
    for name in [name for name, resource in resources.items() if resource["Type"] == "AWS::Logs::QueryDefinition"]:
        del resources[name]


def replace_metric_math(resources):
    """Replaces alarms on metric math by alarms on one metric, because the dashboard refers to them."""
    for resource in resources.values():
        if resource["Type"] == "AWS::CloudWatch::Alarm" and resource["Properties"].pop("Metrics", None):
            resource["Properties"] |= {"Namespace": "emulator", "MetricName": "emulator", "Statistic": "Sum", "Period": 60}


def allow_batch_reads(resources):
    """Removes the condition on `dynamodb:Select` from the statements with `BatchGetItem`."""
    def statements(node):
        for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
            yield from statements(value)
        if isinstance(node, dict) and "Action" in node:
            yield node

    for statement in statements([resource for resource in resources.values() if resource["Type"] == "AWS::IAM::Role"]):
        if "dynamodb:BatchGetItem" in str(statement["Action"]) and "Condition" in statement:
            statement["Condition"].pop("StringEqualsIfExists", None)


def create(resource):
    """Creates and deletes a stack with the resource. Returns the reasons of its events."""
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(StackName="probe", TemplateBody=json.dumps({"Resources": {"Probe": resource}}))
    while cloudformation.describe_stacks(StackName="probe")["Stacks"][0]["StackStatus"].endswith("_IN_PROGRESS"):
        time.sleep(0.1)
    events = cloudformation.describe_stack_events(StackName="probe")["StackEvents"]
    cloudformation.delete_stack(StackName="probe")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="probe", WaiterConfig={"Delay": 1})
    return [event.get("ResourceStatusReason") for event in events]


def create_query():
    return create({"Type": "AWS::Logs::QueryDefinition", "Properties": {"Name": "probe", "QueryString": "limit 1"}})


def create_metric_math():
    settings = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Threshold": 1}
    return create({"Type": "AWS::CloudWatch::Alarm", "Properties": settings | {"Metrics": [{"Id": "all", "Expression": "SUM(METRICS())"}]}})


def read_batch():
    """Reads one attribute of a table as a user with the condition of the roles."""
    iam, name = boto3.client("iam"), {"UserName": "probe"}
    boto3.client("dynamodb").create_table(
        TableName="probe", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    iam.create_user(**name)
    condition = {"StringEqualsIfExists": {"dynamodb:Select": "SPECIFIC_ATTRIBUTES"}}
    statement = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*", "Condition": condition}
    iam.put_user_policy(**name, PolicyName="probe", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    key = iam.create_access_key(**name)["AccessKey"]
    user = boto3.client("dynamodb", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    read = {"Key": {"pk": {"S": "a"}}, "ProjectionExpression": "pk"}
    user.get_item(TableName="probe", **read)
    try:
        user.batch_get_item(RequestItems={"probe": {"Keys": [read["Key"]], "ProjectionExpression": "pk"}})
    finally:
        iam.delete_access_key(**name, AccessKeyId=key["AccessKeyId"])
        iam.delete_user_policy(**name, PolicyName="probe")
        iam.delete_user(**name)
        boto3.client("dynamodb").delete_table(TableName="probe")


WORKAROUNDS = [
    Workaround("saved queries", create_query, "AWS::Logs::QueryDefinition", remove_queries),
    Workaround("alarms on metric math", create_metric_math, "metric math", replace_metric_math),
    Workaround("conditions on the projection of BatchGetItem", read_batch, "AccessDeniedException", allow_batch_reads),
]


def check_workarounds():
    """Fails if the emulator has learned a feature that the copy of the template avoids."""
    for workaround in WORKAROUNDS:
        try:
            result = str(workaround.probe())
        except ClientError as error:
            result = str(error)
        assert workaround.error in result, f"the emulator supports {workaround.feature}? Remove it from tests/cloud/packages.py. {result}"


def build(folder):
    """Builds the debug binaries and writes template.yaml and a zip file for each function into the folder. Returns their names."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    resources = template["Resources"]
    binaries = {
        name: resource["Metadata"]["BuildProperties"]["Binary"]
        for name, resource in resources.items() if resource["Type"] == "AWS::Serverless::Function"
    }
    # The features of the whole workspace, as in `cargo test --workspace`, which leaves nothing to compile.
    names = [f"--bin={binary}" for binary in binaries.values()]
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--workspace", *names], check=True, cwd=ROOT)

    def package(name, binary):
        # Without debug information and with fast compression: `sam` would take half a minute for that.
        bootstrap = folder / name
        subprocess.run(["strip", "-o", bootstrap, TARGET / "debug" / binary], check=True)
        with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(bootstrap, "bootstrap")
        resources[name]["Properties"]["CodeUri"] = f"{name}.zip"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(package, *zip(*binaries.items())))
    for workaround in WORKAROUNDS:
        workaround.change(resources)
    (folder / "template.yaml").write_text(yaml_dump(template))
    shutil.copy(ROOT / "samconfig.toml", folder)
    return binaries
