"""Compares the roles of deploy-role.yaml with the expanded template:

- CloudFormation's role allows exactly the actions that the types of resources need, by the `handlers` of their schemas in cfn-lint
- actions that could raise a role's own rights require the permissions boundary, and all roles of functions can have it
- the boundary allows exactly the actions of the functions' roles

Called by .ci/template.py with the Python of .ci/tools. Prints the number of actions. A difference is an AssertionError. Each rule has a
negative control: a change of deploy-role.yaml or of the template after which it has to fail."""

import copy
import fnmatch
import json
import pathlib

import cfnlint
from samcli.yamlhelper import yaml_parse

DATA = pathlib.Path(cfnlint.__file__).parent / "data"
# CloudFormation publishes no handlers of this type; it makes the same calls.
SAME_HANDLERS = {"AWS::Route53::RecordSetGroup": "AWS::Route53::RecordSet"}
# Needed, but not named by the handlers.
MORE = {
    # The SAM transform of a change set.
    "AWS::Lambda::Function": ["cloudformation:CreateChangeSet"],
    # "Permissions to enable logging" in API Gateway's guide to the logs of HTTP APIs.
    "AWS::ApiGatewayV2::Stage": [
        "apigateway:TagResource", "apigateway:UntagResource",
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
    ],
    # The service-linked role of API Gateway.
    "AWS::ApiGatewayV2::DomainName": ["iam:CreateServiceLinkedRole"],
}
# Named by the handlers, but only for properties that the template does not have.
UNUSED = [
    "elasticfilesystem:*", "firehose:*", "kinesis:*", "s3files:*", "s3tables:*",
    "iam:*GroupPolicy", "iam:*UserPolicy", "iam:DeleteRolePermissionsBoundary",
    "dynamodb:*Item", "dynamodb:*Replica", "dynamodb:*ableKinesisStreamingDestination", "dynamodb:DeleteResourcePolicy",
    "dynamodb:*Import*", "dynamodb:PutResourcePolicy", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateContributorInsights",
    "dynamodb:UpdateKinesisStreamingDestination",
    "kms:ListAliases", "kms:RevokeGrant",
    "logs:*BearerTokenAuthentication", "logs:*KmsKey", "logs:*LogStream*", "logs:DeleteIndexPolicy", "logs:DeleteResourcePolicy",
    "logs:PutDataProtectionPolicy", "logs:PutIndexPolicy", "logs:PutLogEvents", "logs:PutLogGroupDeletionProtection",
    "lambda:*CapacityProvider", "lambda:*eFunctionCodeSigningConfig", "lambda:GetCodeSigningConfig", "lambda:GetLayerVersion",
    "lambda:PublishVersion", "lambda:PutFunction[!C]*", "lambda:PutFunctionCode*", "lambda:PutRuntime*",
    "s3:*MetadataAnnotation*", "s3:*MetadataInventory*", "s3:*MetadataJournal*", "s3:CreateBucketMetadata*", "s3:DeleteBucketMetadata*",
    "s3:DeleteBucketWebsite", "s3:DeleteObject", "s3:PutA*", "s3:PutBucketA*", "s3:PutBucketLogging", "s3:PutBucketNotification",
    "s3:PutBucketObjectLock*", "s3:PutBucketWebsite", "s3:PutI*", "s3:PutMetrics*", "s3:PutObjectAcl", "s3:PutReplication*",
    "cloudfront:*ConnectionGroup", "cloudfront:*StagingConfig", "cloudfront:GetVpcOrigin",
    "secretsmanager:ReplicateSecretToRegions", "sns:PutDataProtectionPolicy",
]
CLOUDFORMATION_POLICIES = "ComputePolicy", "StoragePolicy", "DnsPolicy"
# With these a role could give rights to itself or to another one.
BOUNDED = {
    "iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy",
}


def load(path):
    return json.loads((DATA / path).read_text())


def as_list(value):
    return value if isinstance(value, list) else [value]


def statements(node):
    """Yields the statements that allow something, also inside Fn::If."""
    if isinstance(node, list):
        for item in node:
            yield from statements(item)
    elif isinstance(node, dict) and node.get("Effect") == "Allow" and "Resource" in node:
        yield node
    elif isinstance(node, dict):
        for item in node.values():
            yield from statements(item)


def actions(node):
    """Returns the actions that are allowed anywhere in a node. Values of Fn::If are names of conditions, without a colon, and actions."""
    def names(value):
        if isinstance(value, str):
            return {value} if ":" in value and "::" not in value else set()
        return set().union(*map(names, value.values() if isinstance(value, dict) else value))

    return set().union(*(names(as_list(statement["Action"])) for statement in statements(node)))


def needed(template):
    """Returns the actions that CloudFormation needs to create, read, change, tag and delete the types of resources of the template."""
    schemas = load("schemas/providers/us-east-1.json")
    # Handlers also name actions that do not exist, such as s3:DeleteBucketTagging, and spell some in another case.
    known = {f"{service}:{action}" for service, entry in load("AdditionalSpecs/Policies.json").items() for action in entry["Actions"]}
    found = {}
    for kind in {resource["Type"] for resource in template["Resources"].values()}:
        schema = load(f"schemas/resources/{schemas[SAME_HANDLERS.get(kind, kind)]}.json")
        handlers = [handler for name, handler in schema["handlers"].items() if name != "list"]
        for part in [*handlers, schema.get("tagging") or {}]:
            found |= {action.lower(): action for action in part.get("permissions", []) if action.lower() in known}
        found |= {action.lower(): action for action in MORE.get(kind, [])}
    unused = {pattern: set(fnmatch.filter(found.values(), pattern)) for pattern in UNUSED}
    assert all(unused.values()), f"nothing names {[pattern for pattern, matches in unused.items() if not matches]}"
    return {action.lower() for action in found.values()} - {action.lower() for matches in unused.values() for action in matches}


def cloudformation_may_do_what_the_template_needs(role, template):
    policies = [role["Resources"][name] for name in CLOUDFORMATION_POLICIES]
    allowed, required = {action.lower() for action in actions(policies)}, needed(template)
    assert allowed == required, f"missing: {sorted(required - allowed)}; not needed: {sorted(allowed - required)}"
    return len(allowed)


def rights_of_roles_are_bounded(role, template):
    for policy in CLOUDFORMATION_POLICIES:
        for statement in statements(role["Resources"][policy]):
            allowed, condition = {action.lower() for action in as_list(statement["Action"])}, statement.get("Condition")
            assert not any("*" in action for action in allowed), allowed
            bounded = condition == {"StringEquals": {"iam:PermissionsBoundary": {"Ref": "Boundary"}}}
            assert bounded or not allowed & {action.lower() for action in BOUNDED}, allowed
            passed = condition == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
            assert passed or "iam:passrole" not in allowed, condition
            # Names of the roles and policies of deploy-role.yaml do not begin with the name of a stack.
            if any(action.startswith("iam:") for action in allowed - {"iam:createservicelinkedrole"}):
                for resource in as_list(statement["Resource"]):
                    assert resource != "*" and resource["Fn::Sub"].endswith("/food-app-${Stage}-*"), resource
    of_github = actions(role["Resources"]["DeployRole"])
    assert {action for action in of_github if action.lower().startswith("iam:")} == {"iam:PassRole"}, of_github
    boundary = {"Fn::If": [
        "HasBoundary", {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/${PermissionsBoundary}"}, {"Ref": "AWS::NoValue"},
    ]}
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            assert resource["Properties"].get("PermissionsBoundary") == boundary, name


def the_boundary_is_what_functions_may_do(role, template):
    kinds = "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"
    policies = [resource for resource in template["Resources"].values() if resource["Type"] in kinds]
    allowed, required = actions(role["Resources"]["Boundary"]), actions(policies)
    assert allowed == required, f"missing: {sorted(required - allowed)}; not needed: {sorted(allowed - required)}"
    for statement in statements(role["Resources"]["Boundary"]):
        services = {action.split(":")[0] for action in as_list(statement["Action"])}
        assert statement["Resource"] != "*" or services <= {"ec2", "xray"}, f"{services} on all resources"


def remove_action(role, _):
    role["Resources"]["StoragePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Action"].remove("dynamodb:UpdateTable")


def add_action(role, _):
    role["Resources"]["StoragePolicy"]["Properties"]["PolicyDocument"]["Statement"][0]["Action"].append("dynamodb:Scan")


def add_type(_, template):
    template["Resources"]["Parameter"] = {"Type": "AWS::SSM::Parameter", "Properties": {}}


def remove_boundary_condition(role, _):
    for statement in statements(role["Resources"]["ComputePolicy"]):
        if "iam:CreateRole" in statement["Action"]:
            del statement["Condition"]


def allow_any_role(role, _):
    statement = {"Effect": "Allow", "Action": "iam:createrole", "Resource": "*"}
    role["Resources"]["StoragePolicy"]["Properties"]["PolicyDocument"]["Statement"].append(statement)


def allow_iam_to_github(role, _):
    statement = {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}
    role["Resources"]["DeployRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].append(statement)


def pass_roles_to_any_service(role, _):
    for statement in statements(role["Resources"]["ComputePolicy"]):
        if "iam:PassRole" in statement["Action"]:
            del statement["Condition"]


def allow_all_tables_to_functions(role, _):
    for statement in statements(role["Resources"]["Boundary"]):
        if "dynamodb:GetItem" in statement["Action"]:
            statement["Resource"] = "*"


def allow_change_of_own_roles(role, _):
    for statement in statements(role["Resources"]["ComputePolicy"]):
        if "iam:CreatePolicyVersion" in statement["Action"]:
            statement["Resource"]["Fn::Sub"] = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/food-app-*"


def remove_boundary(_, template):
    del template["Resources"]["LoginRole"]["Properties"]["PermissionsBoundary"]


def add_action_of_function(_, template):
    template["Resources"]["LoginRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"].append("s3:PutObjectAcl")


def add_action_to_boundary(role, _):
    role["Resources"]["Boundary"]["Properties"]["PolicyDocument"]["Statement"][0]["Action"].append("logs:DeleteLogGroup")


RULES = {
    cloudformation_may_do_what_the_template_needs: [remove_action, add_action, add_type],
    rights_of_roles_are_bounded: [
        remove_boundary_condition, allow_change_of_own_roles, remove_boundary, allow_any_role, allow_iam_to_github,
        pass_roles_to_any_service,
    ],
    the_boundary_is_what_functions_may_do: [add_action_of_function, add_action_to_boundary, allow_all_tables_to_functions],
}


def fails(rule, *templates):
    try:
        rule(*templates)
    except AssertionError:
        return True
    return False


def check(template):
    role = yaml_parse(pathlib.Path("deploy-role.yaml").read_text())
    for rule, controls in RULES.items():
        if count := rule(role, template):
            print(f"deploy-role.yaml: CloudFormation may do the {count} actions that it needs")
        for control in controls:
            changed = copy.deepcopy((role, template))
            control(*changed)
            assert fails(rule, *changed), f"{rule.__name__}: negative control {control.__name__} is not found"
