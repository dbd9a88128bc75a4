"""Expands template.yaml with AWS's SAM transform, without an account; checks the roles of the functions, the rules of
template_rules.py and the deploying role (deploy_role.py); and writes extracts for the tests to the folder in the argument:

expanded.json                 the template after the transform
permissions.json              permissions of each function on data, by the name of its binary:
                              {"get_food": [{"actions": ["dynamodb:GetItem"], "resources": ["FoodsTable"], "conditions": {}}], …}
                              A resource is a logical id and the rest of the ARN: "FoodsTable/index/feed", "ImagesBucket/foods/*".
                              A condition: {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["USER#*"]}}
permissions.token-store.json  permissions if TokenStoreUrl is set
functions.json                {"get_food": {"route": "GET /food/{food_id}" (or a schedule or streams), "memory": 512, "timeout": 10,
                              "variables": {"FOODS_TABLE": "FoodsTable", …}}, …}
                              Values of variables are logical ids of resources, or defaults of parameters.
functions.token-store.json    functions if TokenStoreUrl and AcceptedSecret are set
tables.json                   {"UsersTable": {"key": ["pk"], "ttl": null, "indexes": {"directory": {"key": ["directory", "id"],
                              "projection": ["first_name", "last_name"]}}, "stream": null}, …}
                              A projection is a list of attributes, "ALL" or "KEYS_ONLY"; a stream is "KEYS_ONLY".
cors.json                     {"allowOrigins": ["*"], "allowMethods": ["GET", …], "allowHeaders": […], "exposeHeaders": […],
                              "maxAge": 7200}
observability.json            {"alarms": ["CreateUserAlarm", …], "metrics": ["requests", …], "queries": {"slowest-requests": "filter …", …}}
                              Logical ids of alarms, our own metrics in alarms and on the dashboard, and saved log queries.

Runs with the Python of .ci/tools."""

import json
import pathlib
import re
import sys

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

import deploy_role
import template_rules

NO_VALUE = object()
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
OPERATORS = {"ForAllValues:StringLike", "StringLike", "StringEquals", "StringEqualsIfExists"}
# Parameters of the two variants: sessions in DynamoDB; sessions in Redis in a VPC, during a rotation of secrets.
DEFAULT = {}
TOKEN_STORE = {
    "TokenStoreUrl": "rediss://sessions.example:6379", "SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1",
    "AcceptedSecret": "rotated-1",
}


def expand(path):
    template = yaml_parse(path.read_text())
    # The translator requires code in S3. Its map of AWS's managed policies may be empty: no role names one.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    session = boto3.Session(region_name="us-east-1")
    return Translator({}, Parser(), boto_session=session).translate(template, {})


class Deployment:
    """The expanded template with values for its parameters. Evaluates the intrinsic functions that functions and roles use."""

    def __init__(self, template, parameters):
        self.template = template
        self.parameters = {
            name: parameters.get(name, parameter.get("Default")) for name, parameter in template["Parameters"].items()
        }

    def holds(self, condition):
        return self.value(self.template["Conditions"][condition])

    def value(self, node):
        """Evaluates a node; a reference to a resource becomes its logical id."""
        if isinstance(node, list):
            values = (self.value(item) for item in node)
            return [value for value in values if value is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                return NO_VALUE if argument == "AWS::NoValue" else self.parameters.get(argument, argument)
            if function == "Fn::If":
                name, then, otherwise = argument
                return self.value(then if self.holds(name) else otherwise)
            if function == "Fn::GetAtt":
                resource, attribute = argument
                return resource if attribute == "Arn" else f"{resource}.{attribute}"
            if function == "Fn::Sub":
                return re.sub(r"\$\{(\w+)(\.Arn)?\}", lambda m: str(self.value({"Ref": m[1]})), argument)
            if function == "Fn::Join":
                delimiter, items = argument
                items = self.value(items)
                return delimiter.join(items.split(",") if isinstance(items, str) else items)
            if function == "Fn::Split":
                delimiter, text = argument
                return self.value(text).split(delimiter)
            if function == "Condition":
                return self.holds(argument)
            if function == "Fn::Not":
                return not self.value(argument[0])
            if function == "Fn::And":
                return all(self.value(argument))
            if function == "Fn::Or":
                return any(self.value(argument))
            if function == "Fn::Equals":
                left, right = self.value(argument)
                return left == right
        values = ((key, self.value(item)) for key, item in node.items())
        return {key: value for key, value in values if value is not NO_VALUE}

    def resources(self, kind):
        return {
            name: self.value(resource["Properties"])
            for name, resource in self.template["Resources"].items()
            if resource["Type"] == kind and ("Condition" not in resource or self.holds(resource["Condition"]))
        }


def binary(template, function):
    return template["Resources"][function]["Metadata"]["BuildProperties"]["Binary"]


def as_list(value):
    return value if isinstance(value, list) else [value]


def functions(template):
    """Yields the name of each binary and the stem of its logical ids."""
    for logical_id in template.resources("AWS::Lambda::Function"):
        name = binary(template.template, logical_id)
        stem = name.title().replace("_", "")
        assert logical_id == f"{stem}Function", f"{logical_id} has the binary {name}"
        yield name, stem


def permissions(template):
    """Returns the permissions of each function on data, and checks that its role has no other ones than logs, traces and network."""
    lambdas = template.resources("AWS::Lambda::Function")
    roles = template.resources("AWS::IAM::Role")
    logs = template.resources("AWS::Logs::LogGroup")
    assert len(roles) == len(lambdas), "one role for each function"
    found = {}
    for name, stem in functions(template):
        function, role = lambdas[f"{stem}Function"], roles[f"{stem}Role"]
        assert function["Role"] == f"{stem}Role", f"{name} has its own role"
        assert function["LoggingConfig"]["LogGroup"] == f"{stem}LogGroup" and f"{stem}LogGroup" in logs, f"{name} has its own log group"
        assert role["AssumeRolePolicyDocument"] == TRUST, f"only Lambda can assume the role of {name}"
        managed = ["TracesPolicy", "NetworkPolicy"] if "VpcConfig" in function else ["TracesPolicy"]
        assert role["ManagedPolicyArns"] == managed, f"{name} has the policies {managed}"
        (policy,) = role["Policies"]
        log, *statements = policy["PolicyDocument"]["Statement"]
        if mappings := event_source_mappings(template, f"{stem}Function"):
            expected = permissions_of_lambda(mappings)
            assert statements[:3] == expected, f"Lambda may read the streams of {name} and send its failures: {expected}"
            del statements[:3]
        assert log == {
            "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": f"{stem}LogGroup",
        }, f"{name} writes to its own log group"
        found[name] = []
        for statement in statements:
            assert {"Effect", "Action", "Resource"} <= set(statement) <= {"Effect", "Action", "Resource", "Condition"}, f"{name}: {statement}"
            assert statement["Effect"] == "Allow", f"{name}: {statement}"
            actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
            for action in actions:
                assert re.fullmatch(r"(dynamodb|s3):[A-Za-z]+", action), f"{name} may {action}"
            for resource in resources:
                assert re.fullmatch(r"\w+Table(/index/\w+)?|ImagesBucket(/foods/\*)?|UploadsBucket(/\*)?", resource), f"{name} may access {resource}"
            conditions = {
                operator: {key: as_list(values) for key, values in keys.items()}
                for operator, keys in statement.get("Condition", {}).items()
            }
            assert set(conditions) <= OPERATORS, f"{name}: tests/event/permissions.rs does not know an operator of {conditions}"
            # A condition on attributes holds for a request that names none and so returns all of them.
            if "dynamodb:Attributes" in conditions.get("ForAllValues:StringLike", {}):
                exact = conditions["StringEqualsIfExists"]
                for action in actions:
                    key = "Select" if re.search("GetItem|Query", action) else "ReturnValues"
                    assert f"dynamodb:{key}" in exact, f"{name} may {action} of attributes, but its condition lacks {key}"
            found[name].append({"actions": sorted(actions), "resources": sorted(resources), "conditions": conditions})
    return found


def event_source_mappings(template, function):
    mappings = template.resources("AWS::Lambda::EventSourceMapping").values()
    return sorted((mapping for mapping in mappings if mapping["FunctionName"] == function), key=lambda mapping: mapping["EventSourceArn"])


def permissions_of_lambda(mappings):
    """Returns the statements of a function's role that Lambda needs to invoke it with the records of streams."""
    tables = [mapping["EventSourceArn"].removesuffix(".StreamArn") for mapping in mappings]
    (queue,) = {mapping["DestinationConfig"]["OnFailure"]["Destination"] for mapping in mappings}
    read = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    return [
        {"Effect": "Allow", "Action": read, "Resource": [f"{table}.StreamArn" for table in tables]},
        {"Effect": "Allow", "Action": "dynamodb:ListStreams", "Resource": [f"{table}/stream/*" for table in tables]},
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue},
    ]


def routes(template):
    """Yields function and route from the OpenAPI document that the transform generates."""
    (api,) = template.resources("AWS::ApiGatewayV2::Api").values()
    for path, methods in api["Body"]["paths"].items():
        for method, operation in methods.items():
            integration = operation["x-amazon-apigateway-integration"]
            assert integration["payloadFormatVersion"] == "2.0", f"{method} {path} has events of format 2.0"
            yield re.search(r"functions/(\w+)Function/", integration["uri"])[1], f"{method.upper()} {path}"


def rules(template):
    """Yields the functions without a route and their schedule."""
    for rule in template.resources("AWS::Events::Rule").values():
        (target,) = rule["Targets"]
        yield target["Arn"].removesuffix("Function"), rule["ScheduleExpression"]


def streams(template):
    """Yields the functions that streams invoke and the tables."""
    for _, stem in functions(template):
        if mappings := event_source_mappings(template, f"{stem}Function"):
            tables = [mapping["EventSourceArn"].removesuffix(".StreamArn") for mapping in mappings]
            yield stem, f"streams of {', '.join(tables)}"


def function_settings(template):
    lambdas = template.resources("AWS::Lambda::Function")
    route = dict(routes(template)) | dict(rules(template)) | dict(streams(template))
    assert len(route) == len(lambdas), "one route, rule or streams for each function"
    return {
        name: {
            "route": route[stem],
            "memory": lambdas[f"{stem}Function"]["MemorySize"],
            "timeout": lambdas[f"{stem}Function"]["Timeout"],
            "variables": {
                variable: str(value) for variable, value in lambdas[f"{stem}Function"]["Environment"]["Variables"].items()
            },
        }
        for name, stem in functions(template)
    }


def tables(template):
    def key(schema):
        return [part["AttributeName"] for part in sorted(schema, key=lambda part: part["KeyType"])]

    def projection(index):
        projected = index["Projection"]
        return projected["NonKeyAttributes"] if projected["ProjectionType"] == "INCLUDE" else projected["ProjectionType"]

    return {
        name: {
            "key": key(table["KeySchema"]),
            "ttl": table.get("TimeToLiveSpecification", {}).get("AttributeName"),
            "indexes": {
                index["IndexName"]: {"key": key(index["KeySchema"]), "projection": projection(index)}
                for index in table.get("GlobalSecondaryIndexes", []) + table.get("LocalSecondaryIndexes", [])
            },
            "stream": table.get("StreamSpecification", {}).get("StreamViewType"),
        }
        for name, table in template.resources("AWS::DynamoDB::Table").items()
    }


def cors(template):
    (api,) = template.resources("AWS::ApiGatewayV2::Api").values()
    settings = api["Body"]["x-amazon-apigateway-cors"]
    expected = {"allowOrigins", "allowMethods", "allowHeaders", "exposeHeaders", "maxAge"}
    assert set(settings) == expected, f"the transform dropped CORS settings, left: {sorted(settings)}"
    assert isinstance(settings["allowOrigins"], list), "origins are a list"
    return settings


def observability(template):
    """Returns alarms, our own metrics and saved queries, which have to cover the logs of all functions."""
    logs = sorted(f"{stem}LogGroup" for _, stem in functions(template))
    found = {}
    for query in template.resources("AWS::Logs::QueryDefinition").values():
        assert sorted(query["LogGroupNames"]) == logs, f"{query['Name']} covers the logs of all functions"
        found[query["Name"].removeprefix("${AWS::StackName}/")] = query["QueryString"]
    (dashboard,) = template.resources("AWS::CloudWatch::Dashboard").values()
    alarms = template.resources("AWS::CloudWatch::Alarm")
    shown = {alarm["MetricName"] for alarm in alarms.values() if alarm.get("Namespace") == "AWS::StackName"}
    for widget in json.loads(dashboard["DashboardBody"])["widgets"]:
        namespace = None
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                shown.update(re.findall(r'\{"\$\{AWS::StackName\}",.*MetricName="(\w+)"', metric[0]["expression"]))
                continue
            namespace = namespace if metric[0] in (".", "...") else metric[0]
            if namespace == "${AWS::StackName}" and isinstance(metric[1], str):
                shown.add(metric[1])
    return {
        "alarms": list(alarms),
        "metrics": sorted(shown),
        "queries": found,
    }


def main(out):
    expanded = expand(pathlib.Path("template.yaml"))
    template_rules.check(expanded, Deployment)
    deploy_role.check(expanded)
    default, token_store = Deployment(expanded, DEFAULT), Deployment(expanded, TOKEN_STORE)
    files = {
        "expanded": expanded,
        "permissions": permissions(default),
        "permissions.token-store": permissions(token_store),
        "functions": function_settings(default),
        "functions.token-store": function_settings(token_store),
        "tables": tables(default),
        "cors": cors(default),
        "observability": observability(default),
    }
    for name, content in files.items():
        (out / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    print(f"{len(files['functions'])} functions, {len(expanded['Resources'])} resources: {out}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
