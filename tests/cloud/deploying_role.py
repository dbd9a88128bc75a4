"""Deploys with the role of deploy-role.yaml, like .github/workflows/deploy.yml."""

import base64
import contextlib
import json
import os

import boto3
import stack
from botocore.exceptions import ClientError
from local_api import ROOT
from samcli.yamlhelper import yaml_dump, yaml_parse

NAME = "food-app-deploy-dev"
BOUNDARY = "food-app-boundary-dev"
ACCOUNT = "000000000000"
OIDC = "AWS::IAM::OIDCProvider"
CAPABILITY = "CAPABILITY_NAMED_IAM"


def deploy(folder):
    """Deploys the roles as `make deploy-role` does, without the OIDC provider: the emulator has none, and accepts every token of one."""
    template = (ROOT / "deploy-role.yaml").read_text()
    parameters = {"Stage": "dev", "Repository": "owner/name"}
    values = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    try:
        boto3.client("cloudformation").create_stack(StackName=NAME, TemplateBody=template, Parameters=values, Capabilities=[CAPABILITY])
    except ClientError as error:
        assert OIDC in str(error), error
    else:
        raise AssertionError(f"the emulator has learned {OIDC}: deploy deploy-role.yaml as it is")
    template = yaml_parse(template)
    del template["Resources"]["Provider"]
    changed = folder / "deploy-role.yaml"
    changed.write_text(yaml_dump(template))
    stack.sam(
        folder, "deploy", "--template-file", changed, "--stack-name", NAME, "--s3-prefix", NAME, "--no-confirm-changeset",
        "--capabilities", CAPABILITY, "--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items()),
    )


def token(environment):
    """A token of GitHub for a job in an environment; unsigned."""
    claims = {
        "iss": "https://token.actions.githubusercontent.com", "aud": "sts.amazonaws.com",
        "sub": f"repo:owner/name:environment:{environment}",
    }
    parts = ({"alg": "RS256", "typ": "JWT"}, claims, "signature")
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)


def assume(environment):
    response = boto3.client("sts").assume_role_with_web_identity(
        RoleArn=f"arn:aws:iam::{ACCOUNT}:role/food-app-deploy-dev", RoleSessionName="github", WebIdentityToken=token(environment),
    )
    return response["Credentials"]


def denied(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ClientError as error:
        return "AccessDenied" in error.response["Error"]["Code"]
    return False


def attach_boundary():
    """Sets the permissions boundary of the functions' roles, which the emulator ignores in a template. Fails once it does not."""
    iam = boto3.client("iam")
    roles = [physical for logical, physical in stack.resources().items() if logical.endswith("Role")]
    assert roles
    for role in roles:
        assert "PermissionsBoundary" not in iam.get_role(RoleName=role)["Role"], "the emulator knows the boundary: remove attach_boundary"
        iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=f"arn:aws:iam::{ACCOUNT}:policy/{BOUNDARY}")


def delete():
    cloudformation = boto3.client("cloudformation")
    cloudformation.delete_stack(StackName=NAME)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})


@contextlib.contextmanager
def assumed():
    """Sets the credentials of the deploying role in the environment."""
    assert denied(assume, "prod"), "the role of dev rejects a job in the environment prod"
    credentials = assume("dev")
    session = boto3.Session(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
    buckets = [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]
    (bucket,) = (name for name in buckets if name.startswith("aws-sam-cli-managed-default-"))
    assert denied(session.client("lambda").list_functions)
    assert denied(session.client("iam").list_roles)
    assert denied(session.client("secretsmanager").list_secrets)
    assert denied(session.client("cloudformation").describe_stacks, StackName="food-app-prod")
    assert denied(session.client("s3").put_object, Bucket=bucket, Key="food-app-prod/package", Body=b"")
    before = dict(os.environ)
    os.environ.update(
        AWS_ACCESS_KEY_ID=credentials["AccessKeyId"], AWS_SECRET_ACCESS_KEY=credentials["SecretAccessKey"],
        AWS_SESSION_TOKEN=credentials["SessionToken"],
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
