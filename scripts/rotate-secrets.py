"""Rotates both signing secrets of a deployed stack without revoking sessions. The argument is the name of the stack; region and
credentials come from the environment, as for `sam deploy`.

1. Create a new version of each secret with a new label. Labels are never moved, so a reference in the template always resolves to the same
   version, and a changed reference makes CloudFormation resolve it again.
2. Update the stack: all functions accept the new version, the old one still signs. CloudFormation updates functions one by one, so
   no function may sign with a version that another one does not accept yet.
3. Update the stack: the new version signs, the old one is still accepted.

The updates reuse the deployed template and change no code. After RefreshTokenSeconds all old refresh tokens have expired, and
`--finish` stops accepting the old version and removes the labels of all versions but the one that signs. Secrets Manager deletes versions
without a label, and allows about 20 labels for a secret. Until then another rotation is rejected: functions accept two versions,
so it would remove one with valid refresh tokens. Runs with the Python of .ci/tools; .ci/rotation.py tests it."""

import argparse
import datetime
import sys

import boto3

# For the roles and the transform in the template.
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def describe(cloudformation, stack):
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
    # An hour, as the default of the waiter, which polls only twice a minute.
    cloudformation.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 3, "MaxAttempts": 1200})


def arns(outputs):
    return outputs["AccessSecretArn"], outputs["RefreshSecretArn"]


def rotate(cloudformation, secrets, stack, label, force):
    parameters, outputs = describe(cloudformation, stack)
    if parameters["AcceptedSecret"] and not force:
        sys.exit("finish the last rotation first: --finish (or --force, which revokes sessions from before it)")
    current = parameters["SigningSecret"]
    for secret in arns(outputs):
        # Letters and digits, as in the template.
        value = secrets.get_random_password(PasswordLength=64, ExcludePunctuation=True)["RandomPassword"]
        secrets.put_secret_value(SecretId=secret, SecretString=value, VersionStages=[label])
    update(cloudformation, stack, parameters, SigningSecret=current, AcceptedSecret=label)
    update(cloudformation, stack, parameters, SigningSecret=label, AcceptedSecret=current)
    print(f"run it again with --finish after {parameters['RefreshTokenSeconds']} s")


def finish(cloudformation, secrets, stack):
    parameters, outputs = describe(cloudformation, stack)
    signing = parameters["SigningSecret"]
    # An interrupted run has updated the stack already, and CloudFormation rejects an update that changes nothing.
    if parameters["AcceptedSecret"]:
        update(cloudformation, stack, parameters, SigningSecret=signing, AcceptedSecret="")
    for secret in arns(outputs):
        remove_labels(secrets, secret, signing)


def remove_labels(secrets, secret, signing):
    """Removes the labels of all versions except the one with the label `signing`."""
    versions = secrets.list_secret_version_ids(SecretId=secret)["Versions"]
    labels = {label: version["VersionId"] for version in versions for label in version["VersionStages"]}
    current = labels.pop("AWSCURRENT")
    kept = current if signing == "AWSCURRENT" else labels[signing]
    # One version must have AWSCURRENT. Moving it gives the version that had it AWSPREVIOUS.
    if current != kept:
        secrets.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", RemoveFromVersionId=current, MoveToVersionId=kept,
        )
        labels["AWSPREVIOUS"] = current
    for label, version in labels.items():
        if version != kept:
            secrets.update_secret_version_stage(SecretId=secret, VersionStage=label, RemoveFromVersionId=version)
            print(f"{secret}: removed the label {label}", flush=True)


def main():
    arguments = argparse.ArgumentParser(description="Rotates the signing secrets of a deployed stack.")
    arguments.add_argument("stack")
    end = arguments.add_mutually_exclusive_group()
    end.add_argument("--finish", action="store_true", help="stop accepting the old version and remove its labels")
    end.add_argument(
        "--force", action="store_true",
        help="rotate before the last rotation is finished, which revokes sessions from before it",
    )
    options = arguments.parse_args()
    cloudformation, secrets = boto3.client("cloudformation"), boto3.client("secretsmanager")
    if options.finish:
        finish(cloudformation, secrets, options.stack)
    else:
        now = datetime.datetime.now(datetime.timezone.utc)
        rotate(cloudformation, secrets, options.stack, f"rotated-{now:%Y%m%d%H%M%S}", options.force)


if __name__ == "__main__":
    main()
