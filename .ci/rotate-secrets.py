"""Gives both signing secrets of a deployed stack a new version, and the functions with it, without logging anybody out. The name of
the stack is the argument; region and credentials come from the environment, as for `sam deploy`.

1. A new version of each secret, under a label of its own. No label is ever moved, so a reference in the template always means the
   same version, and CloudFormation reads a reference again because its text is another one.
2. An update that has every function accept the new version while the old one still signs: functions are updated one after the
   other, and none may meet a token that it does not know.
3. An update that signs with the new version and still accepts the old one.

Neither update touches code: CloudFormation keeps the template that it has. When the longest refresh token of before has ended
(RefreshTokenSeconds), `--finish` puts the old version out of use. Until then there is no other rotation: functions accept two
versions, and a third would put one out of use whose refresh tokens live. Runs with the Python of .ci/tools."""

import argparse
import datetime
import sys

import boto3

# The template's roles and its transform.
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def described(cloudformation, stack):
    (description,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    parameters = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in description["Parameters"]}
    outputs = {output["OutputKey"]: output["OutputValue"] for output in description["Outputs"]}
    return parameters, outputs


def update(cloudformation, stack, parameters, **changed):
    print(f"{stack}: signs with {changed['SigningSecret']}, accepts {changed['AcceptedSecret'] or 'no other'}", flush=True)
    cloudformation.update_stack(
        StackName=stack,
        UsePreviousTemplate=True,
        Capabilities=CAPABILITIES,
        Parameters=[
            {"ParameterKey": name, "ParameterValue": changed[name]} if name in changed
            else {"ParameterKey": name, "UsePreviousValue": True}
            for name in parameters
        ],
    )
    cloudformation.get_waiter("stack_update_complete").wait(StackName=stack)


def rotate(cloudformation, secrets, stack, label, force):
    parameters, outputs = described(cloudformation, stack)
    if parameters["AcceptedSecret"] and not force:
        sys.exit("finish the last rotation first: --finish (or --force, which logs out whoever signed in before it)")
    current = parameters["SigningSecret"]
    for secret in (outputs["AccessSecretArn"], outputs["RefreshSecretArn"]):
        # Letters and digits, as the template has it; it never leaves this process.
        value = secrets.get_random_password(PasswordLength=64, ExcludePunctuation=True)["RandomPassword"]
        secrets.put_secret_value(SecretId=secret, SecretString=value, VersionStages=[label])
    update(cloudformation, stack, parameters, SigningSecret=current, AcceptedSecret=label)
    update(cloudformation, stack, parameters, SigningSecret=label, AcceptedSecret=current)
    print(f"run it with --finish in {parameters['RefreshTokenSeconds']} s, not before")


def finish(cloudformation, stack):
    parameters, _ = described(cloudformation, stack)
    update(cloudformation, stack, parameters, SigningSecret=parameters["SigningSecret"], AcceptedSecret="")


def main():
    arguments = argparse.ArgumentParser(description="Rotates the signing secrets of a deployed stack.")
    arguments.add_argument("stack")
    end = arguments.add_mutually_exclusive_group()
    end.add_argument("--finish", action="store_true", help="accept the version of before no more")
    end.add_argument(
        "--force", action="store_true",
        help="rotate though the last rotation is not finished, which logs out whoever signed in before it",
    )
    given = arguments.parse_args()
    cloudformation = boto3.client("cloudformation")
    if given.finish:
        finish(cloudformation, given.stack)
    else:
        now = datetime.datetime.now(datetime.timezone.utc)
        rotate(cloudformation, boto3.client("secretsmanager"), given.stack, f"rotated-{now:%Y%m%d%H%M%S}", given.force)


if __name__ == "__main__":
    main()
