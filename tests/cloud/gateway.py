"""The deployed API: creates its routes in the emulator, and sends requests."""

import json
import logging
import sys
import urllib.error
import urllib.request

import boto3
import stack
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

# It warns of metrics that it does not send.
logging.getLogger("samtranslator").setLevel(logging.ERROR)


class NoManagedPolicies:
    def load(self):
        return {}


def import_body():
    """Creates the routes and the CORS configuration of the OpenAPI document that the SAM transform puts into `Body`: the emulator
    ignores it. Fails once the emulator imports it. Returns the number of routes."""
    gateway, functions = boto3.client("apigatewayv2"), boto3.client("lambda")
    resources = stack.resources()
    api = resources["Api"]
    assert not gateway.get_routes(ApiId=api)["Items"], "the emulator imports the body of the API: remove import_body"
    body, _ = expanded_body()
    for path, operations in body["paths"].items():
        for method, operation in operations.items():
            integration = operation["x-amazon-apigateway-integration"]
            function = integration["uri"]["Fn::Sub"].split("functions/${")[1].split(".Arn}")[0]
            created = gateway.create_integration(
                ApiId=api, IntegrationType="AWS_PROXY", IntegrationMethod="POST",
                IntegrationUri=functions.get_function_configuration(FunctionName=resources[function])["FunctionArn"],
                PayloadFormatVersion=integration["payloadFormatVersion"],
            )
            gateway.create_route(ApiId=api, RouteKey=f"{method.upper()} {path}", Target=f"integrations/{created['IntegrationId']}")
    import_cors()
    return sum(map(len, body["paths"].values()))


def expanded_body():
    """The OpenAPI document of the API and the values of the stack's parameters."""
    template = boto3.client("cloudformation").get_template(StackName=stack.NAME, TemplateStage="Original")["TemplateBody"]
    template = yaml_parse(template) if isinstance(template, str) else template
    parameters = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack.describe()["Parameters"]}
    expanded = transform(template, parameters, NoManagedPolicies())
    return expanded["Resources"]["Api"]["Properties"]["Body"], parameters


def import_cors():
    """Sets the CORS configuration from the parameters of the stack."""
    body, parameters = expanded_body()
    # Inside a condition that is always true.
    _, cors, _ = body["x-amazon-apigateway-cors"]["Fn::If"]
    origins = {"allowOrigins": parameters["AllowedOrigin"].split(",")}
    configuration = {name[0].upper() + name[1:]: value for name, value in (cors | origins).items()}
    boto3.client("apigatewayv2").update_api(ApiId=stack.resources()["Api"], CorsConfiguration=configuration)


def log_lines():
    """Yields the name of the binary and the line for each line in the logs of the functions."""
    logs = boto3.client("logs")
    for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]:
        name = group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
            for event in page["events"]:
                yield name.rpartition("/")[2], event["message"]


def print_errors():
    """Prints the errors in the logs of the functions."""
    for name, line in log_lines():
        if '"level":"ERROR"' in line:
            print(name, line, file=sys.stderr)


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Sends requests to a base URL and counts them."""

    requests = 0

    def __init__(self, url, token=None):
        self.url, self.token = url, token

    def call(self, expected, method, path, body=None, **headers):
        """Sends a request with an object as JSON, or with bytes, and fails if the status is not the expected one. `if_match="x"` sends
        `If-Match: x`."""
        Client.requests += 1
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            headers.setdefault("content-type", "application/json")
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        url = path if path.startswith("https://") else self.url + path
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            response = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            answer = Response(response.status, response.headers, response.read())
        text = answer.body[:2000].decode(errors="replace")
        assert answer.status == expected, f"{method} {url}: {answer.status} instead of {expected}\n{text}"
        return answer
