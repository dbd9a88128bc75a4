"""Likes through the API of the deployed stack, and what the event source mappings and the training make of them."""

import json
import secrets
import time

import boto3
import gateway
import stack
import story

LIMIT = 300
# The smallest record age of an event source mapping.
RECORD_AGE = 60
FUNCTION = "UpdateRecommendationsFunction"


def wait_for(condition, what):
    deadline = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.5)
    return found


def create_food(client):
    body, media_type = story.form({"title": f"Waakye {secrets.token_hex(8)}", "description": "<p>Red</p>"}, ("food_image", story.PHOTO))
    return client.call(201, "POST", "/food", body, content_type=media_type).json["id"]


def users(url, count):
    return [story.log_in(url, story.sign_up(url)) for _ in range(count)]


def like(client, food):
    assert client.call(200, "PUT", f"/food/{food}/like").json["liked"] is True


def check(url):
    """Two users like the same food, and one of them another one, which is then recommended to the other user. Only the event source
    mappings invoke the function."""
    creator, ada, eve = users(url, 3)
    foods = [create_food(creator) for _ in range(2)]
    for food in foods:
        like(ada, food)
    like(eve, foods[0])

    def recommended():
        found = eve.call(200, "GET", "/recommendations").json
        return [item for item in found if item["food"]["id"] == foods[1] and (item["because"] or {}).get("id") == foods[0]]

    wait_for(recommended, "the like of a user did not lead to a recommendation for another one")
    assert foods[1] in [food["id"] for food in eve.call(200, "GET", f"/food/{foods[0]}/similar").json]
    wait_for(lambda: eve.call(200, "GET", f"/users/{creator_id(creator)}/food").json[-1]["likes"] == 2, "no list shows the likes")
    assert [food["id"] for food in ada.call(200, "GET", "/users/me/likes").json] == foods[::-1]
    creator.call(200, "DELETE", f"/food/{foods[1]}")
    wait_for(lambda: not recommended(), "a deleted food is recommended")
    wait_for(lambda: len(ada.call(200, "GET", "/users/me/likes").json) == 1, "the like of a deleted food is listed")
    wait_for(lambda: not derived(f"FOOD#{foods[1]}"), "a deleted food has likes or neighbours")
    check_filters()
    check_training()


def creator_id(client):
    return client.call(200, "GET", "/users/me").json["id"]


def derived(partition):
    """The sort keys of the items of a partition of the table of likes, without counts of 0."""
    table = boto3.resource("dynamodb").Table(stack.outputs()["LikesTableName"])
    items = table.query(KeyConditionExpression=boto3.dynamodb.conditions.Key("pk").eq(partition))["Items"]
    return [item["sk"] for item in items if item.get("likes") != 0]


def check_filters():
    """Checks that no batch had only items that the function itself wrote."""
    lines = [json.loads(line) for name, line in gateway.log_lines() if name == "update_recommendations" and '"report"' in line]
    reports = [line["report"] for line in lines]
    assert reports and all(report["changes"] for report in reports), reports
    assert not any(report["failed"] for report in reports), reports


def check_training():
    response = boto3.client("lambda").invoke(FunctionName=stack.resources()["TrainRecommendationsFunction"])
    report = json.loads(response["Payload"].read())
    assert "FunctionError" not in response and report["drifted"] == 0 and report["users"] >= 2, report


def change_mappings(**settings):
    client = boto3.client("lambda")
    for mapping in client.list_event_source_mappings(FunctionName=stack.resources()[FUNCTION])["EventSourceMappings"]:
        client.update_event_source_mapping(UUID=mapping["UUID"], **settings)


def use_table(name):
    client, function = boto3.client("lambda"), stack.resources()[FUNCTION]
    variables = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    client.update_function_configuration(FunctionName=function, Environment={"Variables": variables | {"LIKES_TABLE": name}})


def start_failure(url):
    """Lets the function fail, and likes two foods."""
    change_mappings(MaximumRecordAgeInSeconds=RECORD_AGE)
    use_table("missing")
    creator, user = users(url, 2)
    foods = [create_food(creator) for _ in range(2)]
    for food in foods:
        like(user, food)
    return creator, user


def check_failure(url, clients):
    """Waits until the failed records are in the queue, and corrects the function, which then handles later ones."""
    sqs, queue = boto3.client("sqs"), stack.outputs()["UpdateRecommendationsFailuresUrl"]

    def receive():
        messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    failures = wait_for(receive, "no failed record is in the queue")
    for failure in failures:
        assert failure["requestContext"]["condition"] == "MaxRecordAgeExceeded", failure
        assert "USER#" not in str(failure), "a message has the position of a record, not its key"
    # With BisectBatchOnFunctionError each record would fail alone.
    sizes = [failure["DDBStreamBatchInfo"]["batchSize"] for failure in failures]
    assert max(sizes) > 1, f"the emulator halves failed batches? Then test partial batch responses as well: {sizes}"
    use_table(stack.outputs()["LikesTableName"])
    change_mappings(MaximumRecordAgeInSeconds=6 * 3600)
    creator, user = clients
    like(user, create_food(creator))
    profile = f"USER#{creator_id(user)}"
    wait_for(lambda: "PROFILE" in derived(profile), "the function does not handle records after it was corrected")
