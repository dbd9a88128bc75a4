"""Expands template.yaml as CloudFormation's SAM transform does, without an account, checks what the roles of the functions may do
beside their work, and writes for the tests, into the folder named as argument:

expanded.json                 the whole template, after the transform
permissions.json              what each function may do with data, by the name of its binary:
                              {"get_food": [{"actions": ["dynamodb:GetItem"], "resources": ["FoodsTable"]}], …}
                              A resource is a logical id, with what follows its ARN: "FoodsTable/index/feed", "ImagesBucket/foods/*".
permissions.token-store.json  the same where TokenStoreUrl is set
functions.json                {"get_food": {"route": "GET /food/{food_id}" (or a schedule, or the beginning of keys), "memory": 512, "timeout": 10,
                              "variables": {"FOODS_TABLE": "FoodsTable", …}}, …}
                              A variable that names a resource has its logical id, one from a parameter the parameter's default.
functions.token-store.json    the same where TokenStoreUrl and AcceptedSecret are set
tables.json                   {"UsersTable": {"key": ["pk"], "ttl": null, "indexes": {"directory": {"key": ["directory", "id"],
                              "projection": ["first_name", "last_name"]}}}, …}
                              A projection is a list of attributes, "ALL" or "KEYS_ONLY".
cors.json                     {"allowOrigins": ["*"], "allowMethods": ["GET", …], "allowHeaders": […], "exposeHeaders": […],
                              "maxAge": 7200}
watching.json                 {"alarms": ["CreateUserAlarm", …], "metrics": ["requests", …], "queries": {"slowest-requests": "filter …", …}}
                              Alarms by their logical ids; of metrics those that the dashboard shows of the stack's own.

Runs with the Python of .ci/tools."""

import json
import pathlib
import re
import sys

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

NOTHING = object()
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
# With sessions in DynamoDB, and on a server that is reached through a VPC, while secrets are rotated.
DEFAULT = {}
TOKEN_STORE = {
    "TokenStoreUrl": "rediss://sessions.example:6379", "SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1",
    "AcceptedSecret": "rotated-1",
}


def expand(path):
    template = yaml_parse(path.read_text())
    # The translator wants code that is already in S3. No role asks for AWS's managed policies by name, so it needs none.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
    session = boto3.Session(region_name="us-east-1")
    return Translator({}, Parser(), boto_session=session).translate(template, {})


class Deployed:
    """The template as it is with these parameters, as far as the functions and their roles need it."""

    def __init__(self, template, parameters):
        self.template = template
        self.parameters = {
            name: parameters.get(name, parameter.get("Default")) for name, parameter in template["Parameters"].items()
        }

    def holds(self, condition):
        return self.value(self.template["Conditions"][condition])

    def value(self, node):
        """The node without conditions; a resource becomes its logical id."""
        if isinstance(node, list):
            values = (self.value(item) for item in node)
            return [value for value in values if value is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                return NOTHING if argument == "AWS::NoValue" else self.parameters.get(argument, argument)
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
                one, other = self.value(argument)
                return one == other
        values = ((key, self.value(item)) for key, item in node.items())
        return {key: value for key, value in values if value is not NOTHING}

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
    """By the name of the binary: logical id and properties, of which the ids follow from the name."""
    for logical_id in template.resources("AWS::Lambda::Function"):
        name = binary(template.template, logical_id)
        stem = name.title().replace("_", "")
        assert logical_id == f"{stem}Function", f"{logical_id} is the function of {name}"
        yield name, stem


def permissions(template):
    """What each function may do with data. Everything else that its role allows is what every function needs."""
    lambdas = template.resources("AWS::Lambda::Function")
    roles = template.resources("AWS::IAM::Role")
    logs = template.resources("AWS::Logs::LogGroup")
    assert len(roles) == len(lambdas), "a role for each function, and no other"
    found = {}
    for name, stem in functions(template):
        function, role = lambdas[f"{stem}Function"], roles[f"{stem}Role"]
        assert function["Role"] == f"{stem}Role", f"{name} has its own role"
        assert function["LoggingConfig"]["LogGroup"] == f"{stem}LogGroup" and f"{stem}LogGroup" in logs, f"{name} has its own log"
        assert role["AssumeRolePolicyDocument"] == TRUST, f"only Lambda takes the role of {name}"
        managed = ["TracesPolicy", "NetworkPolicy"] if "VpcConfig" in function else ["TracesPolicy"]
        assert role["ManagedPolicyArns"] == managed, f"{name} has the policies {managed}"
        (policy,) = role["Policies"]
        log, *statements = policy["PolicyDocument"]["Statement"]
        assert log == {
            "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": f"{stem}LogGroup",
        }, f"{name} writes its own log"
        found[name] = []
        for statement in statements:
            assert set(statement) == {"Effect", "Action", "Resource"} and statement["Effect"] == "Allow", f"{name}: {statement}"
            actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
            for action in actions:
                assert re.fullmatch(r"(dynamodb|s3):[A-Za-z]+", action), f"{name} may {action}"
            for resource in resources:
                assert re.fullmatch(r"\w+Table(/index/\w+)?|ImagesBucket(/foods/\*)?|UploadsBucket(/\*)?", resource), f"{name} may reach {resource}"
            found[name].append({"actions": sorted(actions), "resources": sorted(resources)})
    return found


def routes(template):
    """Which route leads to which function, from the API that the transform has made."""
    (api,) = template.resources("AWS::ApiGatewayV2::Api").values()
    for path, methods in api["Body"]["paths"].items():
        for method, operation in methods.items():
            integration = operation["x-amazon-apigateway-integration"]
            assert integration["payloadFormatVersion"] == "2.0", f"{method} {path} has events of format 2.0"
            yield re.search(r"functions/(\w+)Function/", integration["uri"])[1], f"{method.upper()} {path}"


def rules(template):
    """Which function is called without a request, and when or by what: a schedule, or the beginning of keys."""
    for rule in template.resources("AWS::Events::Rule").values():
        (target,) = rule["Targets"]
        when = rule.get("ScheduleExpression")
        if when is None:
            (key,) = rule["EventPattern"]["detail"]["object"]["key"]
            when = key["prefix"]
        yield target["Arn"].removesuffix("Function"), when


def described_functions(template):
    lambdas = template.resources("AWS::Lambda::Function")
    route = dict(routes(template)) | dict(rules(template))
    assert len(route) == len(lambdas), "a route or a rule for each function"
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


def described_tables(template):
    def key(schema):
        return [part["AttributeName"] for part in sorted(schema, key=lambda part: part["KeyType"])]

    def projection(index):
        wanted = index["Projection"]
        return wanted["NonKeyAttributes"] if wanted["ProjectionType"] == "INCLUDE" else wanted["ProjectionType"]

    return {
        name: {
            "key": key(table["KeySchema"]),
            "ttl": table.get("TimeToLiveSpecification", {}).get("AttributeName"),
            "indexes": {
                index["IndexName"]: {"key": key(index["KeySchema"]), "projection": projection(index)}
                for index in table.get("GlobalSecondaryIndexes", [])
            },
        }
        for name, table in template.resources("AWS::DynamoDB::Table").items()
    }


def cors(template):
    (api,) = template.resources("AWS::ApiGatewayV2::Api").values()
    answered = api["Body"]["x-amazon-apigateway-cors"]
    wanted = {"allowOrigins", "allowMethods", "allowHeaders", "exposeHeaders", "maxAge"}
    assert set(answered) == wanted, f"the transform has kept of CORS {sorted(answered)}"
    assert isinstance(answered["allowOrigins"], list), "origins are a list"
    return answered


def watching(template):
    """What somebody looks at who runs it: alarms, the dashboard, and saved queries, each over the logs of all functions."""
    logs = sorted(f"{stem}LogGroup" for _, stem in functions(template))
    found = {}
    for query in template.resources("AWS::Logs::QueryDefinition").values():
        assert sorted(query["LogGroupNames"]) == logs, f"{query['Name']} is over the logs of all functions"
        found[query["Name"].removeprefix("${AWS::StackName}/")] = query["QueryString"]
    (dashboard,) = template.resources("AWS::CloudWatch::Dashboard").values()
    shown = set()
    for widget in json.loads(dashboard["DashboardBody"])["widgets"]:
        namespace = None
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                shown.update(re.findall(r'\{\$\{AWS::StackName\},.*MetricName="(\w+)"', metric[0]["expression"]))
                continue
            namespace = namespace if metric[0] in (".", "...") else metric[0]
            if namespace == "${AWS::StackName}" and isinstance(metric[1], str):
                shown.add(metric[1])
    return {
        "alarms": list(template.resources("AWS::CloudWatch::Alarm")),
        "metrics": sorted(shown),
        "queries": found,
    }


def main(out):
    expanded = expand(pathlib.Path("template.yaml"))
    default, token_store = Deployed(expanded, DEFAULT), Deployed(expanded, TOKEN_STORE)
    files = {
        "expanded": expanded,
        "permissions": permissions(default),
        "permissions.token-store": permissions(token_store),
        "functions": described_functions(default),
        "functions.token-store": described_functions(token_store),
        "tables": described_tables(default),
        "cors": cors(default),
        "watching": watching(default),
    }
    for name, content in files.items():
        (out / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    print(f"{len(files['functions'])} functions, {len(expanded['Resources'])} resources: {out}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
