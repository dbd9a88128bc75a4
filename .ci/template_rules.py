"""Rules of the expanded template beyond roles and routes. Each has a negative control: a change of the template after which the rule has to
fail. A rule gets a function that evaluates the template with values of parameters."""

import copy
import json
import pathlib
import re

KEY = "arn:aws:kms:us-east-1:123456789012:key/0a1b"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0a1b"
REFERENCE = "{{resolve:secretsmanager:food-app-sessions:SecretString:url}}"


def functions(template):
    return template.resources("AWS::Lambda::Function")


def background_functions_reserve_concurrency(deploy):
    scheduled = {rule["Targets"][0]["Arn"] for rule in deploy().resources("AWS::Events::Rule").values()}
    expected = dict.fromkeys(scheduled, 2) | {"TrainRecommendationsFunction": 1}
    for name, function in functions(deploy(ScheduledConcurrency=2)).items():
        assert function.get("ReservedConcurrentExecutions") == expected.get(name), name
    for name, function in functions(deploy(StreamConcurrency=4)).items():
        assert function.get("ReservedConcurrentExecutions") == (4 if name == "UpdateRecommendationsFunction" else None), name
    # A reservation fails in a new account.
    assert not any("ReservedConcurrentExecutions" in function for function in functions(deploy()).values())


def a_client_cannot_use_up_a_route(deploy):
    """Checks that the attempts of one client IP in a whole window are less than a route takes in a second, and the numbers in the document."""
    defaults = deploy().parameters
    assert defaults["LoginsPerSecond"] >= defaults["LoginAttemptsPerAddress"]
    assert defaults["SignUpsPerSecond"] >= defaults["SignUpAttemptsPerAddress"]
    document = pathlib.Path("docs/CAPACITY.md").read_text()
    for name in ("RequestsPerSecond", "LoginsPerSecond", "SignUpsPerSecond"):
        assert f"`{name}` {defaults[name]}" in document, f"docs/CAPACITY.md: `{name}` {defaults[name]}"


def own_image_domain_requires_tls_1_2(deploy):
    def settings(template):
        (distribution,) = template.resources("AWS::CloudFront::Distribution").values()
        config = distribution["DistributionConfig"]
        urls = {function["Environment"]["Variables"].get("IMAGE_BASE_URL") for function in functions(template).values()}
        return config["ViewerCertificate"], config.get("Aliases"), urls - {None}

    own = {"AcmCertificateArn": CERTIFICATE, "SslSupportMethod": "sni-only", "MinimumProtocolVersion": "TLSv1.2_2021"}
    domain = "images.example.com"
    expected = own, [domain], {f"https://{domain}"}
    assert settings(deploy(ImageDomainName=domain, ImageCertificateArn=CERTIFICATE)) == expected
    expected = {"CloudFrontDefaultCertificate": True}, None, {"https://${ImagesDistribution.DomainName}"}
    assert settings(deploy()) == expected


def functions_use_and_decrypt_with_the_key(deploy):
    for parameters, key, statements in [
        ({}, None, []),
        ({"KmsKeyArn": KEY}, KEY, [{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY}]),
    ]:
        template = deploy(**parameters)
        # Each role has this policy: permissions() in template.py.
        policy = template.resources("AWS::IAM::ManagedPolicy")["TracesPolicy"]["PolicyDocument"]["Statement"]
        assert [statement for statement in policy if "kms" in str(statement)] == statements
        for name, function in functions(template).items():
            assert function.get("KmsKeyArn") == key, name


def token_store_url_may_be_a_dynamic_reference(deploy):
    parameter = deploy().template["Parameters"]["TokenStoreUrl"]
    for value in ["", "redis://sessions:6379", "rediss://u:p@sessions:6379", REFERENCE]:
        assert re.fullmatch(parameter["AllowedPattern"], value), value
    for value in ["http://sessions", "{{resolve:ssm:sessions}}", "{{resolve:secretsmanager:a b}}"]:
        assert not re.fullmatch(parameter["AllowedPattern"], value), value
    assert parameter["NoEcho"] is True
    variables = [function["Environment"]["Variables"] for function in functions(deploy(TokenStoreUrl=REFERENCE)).values()]
    assert {found["TOKEN_STORE_URL"] for found in variables if "TOKEN_STORE_URL" in found} == {REFERENCE}


def dynamic_references_fit_into_a_template(deploy):
    """Counts them during a rotation of secrets, with TokenStoreUrl as a reference. CloudFormation allows 60, which cannot be raised."""
    template = deploy(TokenStoreUrl=REFERENCE, AcceptedSecret="rotated-1")
    count = json.dumps(functions(template)).count("{{resolve:")
    assert count <= 60, count
    document = pathlib.Path("docs/DEPLOY.md").read_text()
    assert f"{count} of 60 dynamic references" in document, f"docs/DEPLOY.md: {count} of 60 dynamic references"


def dashboard_shows_all_functions_and_alarms(deploy):
    template = deploy()
    (dashboard,) = template.resources("AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(dashboard["DashboardBody"])["widgets"]
    metrics = [metric for widget in widgets for metric in widget["properties"].get("metrics", [])]
    for name in ("Duration", "Errors"):
        shown = [metric[3] for metric in metrics if metric[:3] == ["AWS/Lambda", name, "FunctionName"]]
        assert sorted(shown) == sorted(functions(template)), f"{name} of each function"
    for metric in metrics:
        if isinstance(metric[0], dict):
            # A name with other characters than letters and digits is quoted, and a quoted term matches only a whole name.
            search = r"""SEARCH\('\{("[^"]+"|[\w/]+)(,("[^"]+"|\w+))*\} MetricName="\w+"', '\w+', \d+\)"""
            assert re.fullmatch(search, metric[0]["expression"]), metric[0]["expression"]
    (alarms,) = (widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm")
    own = {f"{name.removesuffix('Function')}Alarm" for name in functions(template)}
    expected = set(template.resources("AWS::CloudWatch::Alarm")) - own
    assert sorted(alarms) == sorted(expected), "all alarms of the stack but those of single functions"


def throttle_alarms_cover_functions_tables_and_indexes(deploy):
    template = deploy()
    expected = {("Throttles", (name,)) for name in functions(template)}
    for name, table in template.resources("AWS::DynamoDB::Table").items():
        for index in [(), *((index["IndexName"],) for index in table.get("GlobalSecondaryIndexes", []))]:
            expected |= {("ReadThrottleEvents", (name, *index)), ("WriteThrottleEvents", (name, *index))}
    watched = []
    for name, alarm in template.resources("AWS::CloudWatch::Alarm").items():
        metrics = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
        assert len(metrics) <= 10, f"{name}: an alarm can watch ten metrics"
        metrics = metrics or [alarm]
        assert all(metric["Dimensions"] for metric in metrics if metric["Namespace"].startswith("AWS/")), f"{name} watches this stack only"
        for metric in metrics:
            if "Throttle" in metric["MetricName"] and metric["Namespace"].startswith("AWS/"):
                watched.append((metric["MetricName"], tuple(dimension["Value"] for dimension in metric["Dimensions"])))
    assert sorted(watched) == sorted(expected), set(watched) ^ expected


def streams_contain_keys_and_lose_no_record(deploy):
    """Checks the streams and their event source mappings: which records they select, how they retry, and that failures raise an alarm."""
    template = deploy()
    tables = {name: table for name, table in template.resources("AWS::DynamoDB::Table").items() if "StreamSpecification" in table}
    mappings = {
        mapping["EventSourceArn"].removesuffix(".StreamArn"): mapping
        for mapping in template.resources("AWS::Lambda::EventSourceMapping").values()
    }
    assert tables.keys() == mappings.keys() == {"FoodsTable", "LikesTable"}
    assert all(table["StreamSpecification"] == {"StreamViewType": "KEYS_ONLY"} for table in tables.values())
    # The keys of the items that people change. Without a filter what the function writes would invoke it again.
    keys = {"FoodsTable": ("pk", "FOOD#"), "LikesTable": ("sk", "LIKE#")}
    for table, mapping in mappings.items():
        (pattern,) = mapping.pop("FilterCriteria", {"Filters": []})["Filters"]
        key, prefix = keys[table]
        assert json.loads(pattern["Pattern"]) == {"dynamodb": {"Keys": {key: {"S": [{"prefix": prefix}]}}}}, pattern
        queue = mapping["DestinationConfig"]["OnFailure"]["Destination"]
        assert mapping == {
            "EventSourceArn": f"{table}.StreamArn", "FunctionName": "UpdateRecommendationsFunction", "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 100, "MaximumBatchingWindowInSeconds": 5, "ParallelizationFactor": 2, "MaximumRecordAgeInSeconds": 6 * 3600,
            "FunctionResponseTypes": ["ReportBatchItemFailures"], "BisectBatchOnFunctionError": True,
            "DestinationConfig": {"OnFailure": {"Destination": queue}},
        }, mapping
        assert template.resources("AWS::SQS::Queue")[queue]["SqsManagedSseEnabled"] is True
        watched = {"Name": "QueueName", "Value": f"{queue}.QueueName"}
        (alarm,) = (alarm for alarm in template.resources("AWS::CloudWatch::Alarm").values() if alarm.get("Dimensions") == [watched])
        assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 1)


def training_reports_wrong_counts(deploy):
    alarm = deploy().resources("AWS::CloudWatch::Alarm")["LikesDriftAlarm"]
    found = alarm["Namespace"], alarm["MetricName"], alarm.get("Dimensions"), alarm["Statistic"], alarm["Threshold"]
    assert found == ("AWS::StackName", "likes_drift", None, "Maximum", 1)


def attacks_on_accounts_raise_alarms(deploy):
    alarms = deploy().resources("AWS::CloudWatch::Alarm").values()
    for metric, threshold in [("logins_refused", 300), ("refresh_reused", 10)]:
        (alarm,) = (alarm for alarm in alarms if alarm.get("MetricName") == metric)
        found = alarm["Namespace"], alarm.get("Dimensions"), alarm["Statistic"], alarm["Period"], alarm["Threshold"]
        assert found == ("AWS::StackName", None, "Sum", 300, threshold), metric


def the_first_deployment_can_be_without_deletion_protection(deploy):
    for value in ("true", "false"):
        for name, table in deploy(DeletionProtection=value).resources("AWS::DynamoDB::Table").items():
            assert table["DeletionProtectionEnabled"] == value, name


def warnings_of_api_gateway_do_not_fail_the_deployment(deploy):
    """API Gateway warns about a server without URL (aws/serverless-application-model#2424), and then `FailOnWarnings` fails the import."""
    for api in deploy().resources("AWS::ApiGatewayV2::Api").values():
        if any("url" not in server for server in api["Body"].get("servers", [])):
            assert str(api.get("FailOnWarnings", False)).lower() == "false"


def change(*path, to=None):
    """Returns a change of a template that replaces or removes what is at a path."""

    def control(template):
        node = template
        for key in path[:-1]:
            node = node[key]
        if to is None:
            del node[path[-1]]
        else:
            node[path[-1]] = to
    return control


def replace(old, new, *path):
    def control(template):
        node = template
        for key in path[:-1]:
            node = node[key]
        assert old in node[path[-1]]
        node[path[-1]] = node[path[-1]].replace(old, new)
    return control


DASHBOARD = "Resources", "Dashboard", "Properties", "DashboardBody", "Fn::Sub"
RULES = {
    background_functions_reserve_concurrency: [
        change("Resources", "SweepImagesFunction", "Properties", "ReservedConcurrentExecutions"),
        change("Resources", "LoginFunction", "Properties", "ReservedConcurrentExecutions", to=2),
        change("Resources", "TrainRecommendationsFunction", "Properties", "ReservedConcurrentExecutions", to={"Ref": "ScheduledConcurrency"}),
        change("Resources", "UpdateRecommendationsFunction", "Properties", "ReservedConcurrentExecutions"),
        change("Parameters", "ScheduledConcurrency", "Default", to=2),
        change("Parameters", "StreamConcurrency", "Default", to=4),
    ],
    a_client_cannot_use_up_a_route: [
        change("Parameters", "LoginsPerSecond", "Default", to=50),
        change("Parameters", "SignUpsPerSecond", "Default", to=10),
        change("Parameters", "RequestsPerSecond", "Default", to=501),
    ],
    own_image_domain_requires_tls_1_2: [
        change("Resources", "ImagesDistribution", "Properties", "DistributionConfig", "ViewerCertificate", to={"CloudFrontDefaultCertificate": True}),
        change("Resources", "GetFoodFunction", "Properties", "Environment", "Variables", "IMAGE_BASE_URL", to="https://cdn.example.com"),
    ],
    functions_use_and_decrypt_with_the_key: [
        change("Resources", "LoginFunction", "Properties", "KmsKeyArn"),
        change("Resources", "TracesPolicy", "Properties", "PolicyDocument", "Statement", 1),
    ],
    token_store_url_may_be_a_dynamic_reference: [
        change("Parameters", "TokenStoreUrl", "AllowedPattern", to=r"(rediss?://\S+)?"),
        change("Parameters", "TokenStoreUrl", "NoEcho", to=False),
    ],
    dynamic_references_fit_into_a_template: [
        change("Resources", "LoginFunction", "Properties", "Environment", "Variables", "MORE", to=[REFERENCE] * 13),
    ],
    dashboard_shows_all_functions_and_alarms: [
        replace('"Errors", "FunctionName", "${LoginFunction}"', '"Errors", "FunctionName", "${LogoutFunction}"', *DASHBOARD),
        replace(r'{\"${AWS::StackName}\",\"error.type\"}', "{${AWS::StackName},error.type}", *DASHBOARD),
        replace('"${LatencyAlarm.Arn}",', "", *DASHBOARD),
    ],
    throttle_alarms_cover_functions_tables_and_indexes: [
        change("Resources", "SessionFunctionThrottlesAlarm", "Properties", "Metrics", 1),
        change("Resources", "FoodsTableThrottlesAlarm", "Properties", "Metrics", 6),
        change("Resources", "LatencyAlarm", "Properties", "Dimensions", to=[]),
    ],
    streams_contain_keys_and_lose_no_record: [
        change("Resources", "LikesTable", "Properties", "StreamSpecification", "StreamViewType", to="NEW_IMAGE"),
        change("Resources", "FoodsTable", "Properties", "StreamSpecification"),
        change("Resources", "UpdateRecommendationsFunctionLikes", "Properties", "FilterCriteria"),
        change("Resources", "UpdateRecommendationsFunctionFoods", "Properties", "FunctionResponseTypes"),
        change("Resources", "UpdateRecommendationsFunctionFoods", "Properties", "MaximumRetryAttempts", to=3),
        change("Resources", "UpdateRecommendationsFailures", "Properties", "SqsManagedSseEnabled", to=False),
        change("Resources", "RecommendationFailuresAlarm", "Properties", "Threshold", to=10),
    ],
    training_reports_wrong_counts: [change("Resources", "LikesDriftAlarm", "Properties", "MetricName", to="errors")],
    attacks_on_accounts_raise_alarms: [
        change("Resources", "RefusedLoginsAlarm", "Properties", "MetricName", to="errors"),
        change("Parameters", "ReusedRefreshTokensAlarmThreshold", "Default", to=100),
    ],
    warnings_of_api_gateway_do_not_fail_the_deployment: [
        change("Resources", "Api", "Properties", "FailOnWarnings", to=True),
        change("Resources", "Api", "Properties", "FailOnWarnings", to="true"),
    ],
    the_first_deployment_can_be_without_deletion_protection: [
        change("Resources", "UsersTable", "Properties", "DeletionProtectionEnabled", to=True),
    ],
}


def fails(rule, deploy):
    try:
        rule(deploy)
    except (AssertionError, ValueError):
        return True
    return False


def check(expanded, deployment):
    for rule, controls in RULES.items():
        rule(lambda **parameters: deployment(expanded, parameters))
        for number, control in enumerate(controls):
            changed = copy.deepcopy(expanded)
            control(changed)
            broken = fails(rule, lambda **parameters: deployment(changed, parameters))
            assert broken, f"{rule.__name__}: negative control {number} is not found"
