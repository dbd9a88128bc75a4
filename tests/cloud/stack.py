"""Deploys, reads and deletes the stack, as the Makefile does."""

import platform
import subprocess
import sys
import tomllib
from pathlib import Path

import boto3
from local_api import ROOT

STAGE = "default"
NAME = "food-app-dev"


def sam(folder, *arguments):
    """Runs a command of the SAM CLI; prints its output only if it fails."""
    command = [Path(sys.executable).with_name("sam"), *arguments, "--config-env", STAGE]
    result = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        raise SystemExit(f"{result.stdout}\nsam {arguments[0]} exited with {result.returncode}")


def deploy(folder, **parameters):
    """Runs the command of `make deploy` after `sam build`, without the question, for the architecture of this machine."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())[STAGE]["global"]["parameters"]
    assert config["stack_name"] == NAME
    parameters["Architecture"] = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    overrides = [*config["parameter_overrides"], *(f"{name}={value}" for name, value in parameters.items())]
    sam(folder, "deploy", "--no-confirm-changeset", "--parameter-overrides", *overrides)


def update(**parameters):
    """Changes parameters of the stack and nothing else."""
    cloudformation = boto3.client("cloudformation")
    values = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    kept = [
        {"ParameterKey": name, "UsePreviousValue": True}
        for name in (parameter["ParameterKey"] for parameter in describe()["Parameters"]) if name not in parameters
    ]
    cloudformation.update_stack(
        StackName=NAME, UsePreviousTemplate=True, Parameters=values + kept, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("stack_update_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 600})


def describe():
    (stack,) = boto3.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
    return stack


def outputs():
    return {output["OutputKey"]: output["OutputValue"] for output in describe()["Outputs"]}


def resources():
    """Physical ids of the resources of the stack by their logical ids."""
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=NAME)
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"] for page in pages for resource in page["StackResourceSummaries"]
    }
