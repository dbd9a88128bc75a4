"""Reads a presigned POST from standard input, presigns the same upload with boto3 at the same time, compares both and posts an
image with each. Prints one line of JSON."""

import base64
import datetime
import json
import sys

import boto3
import botocore.auth
import botocore.signers
import urllib3
from botocore.config import Config

given = json.load(sys.stdin)
fields = dict(given["fields"])
timestamp = datetime.datetime.strptime(fields["x-amz-date"], "%Y%m%dT%H%M%SZ")

# Both modules read the clock through a function of this name.
botocore.auth.get_current_datetime = lambda *_, **__: timestamp
botocore.signers.get_current_datetime = lambda *_, **__: timestamp

client = boto3.client(
    "s3", endpoint_url=given["endpoint"], region_name=given["region"], aws_access_key_id=given["access_key_id"],
    aws_secret_access_key=given["secret_access_key"], config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
)
expected = client.generate_presigned_post(
    given["bucket"], fields["key"], Fields={"Content-Type": fields["Content-Type"]},
    Conditions=[["content-length-range", given["bytes"], given["bytes"]], {"Content-Type": fields["Content-Type"]}],
    ExpiresIn=given["lifetime"],
)


def policy(fields):
    policy = json.loads(base64.b64decode(fields["policy"]))
    policy["conditions"] = sorted(policy["conditions"], key=json.dumps)
    policy["expiration"] = policy["expiration"].replace(".000Z", "Z")
    return policy


def post(url, fields):
    image = base64.b64decode(given["image"])
    form = [*fields.items(), ("file", ("image", image, fields["Content-Type"]))]
    return urllib3.PoolManager().request("POST", url, fields=form).status


compared = [name for name in ("key", "Content-Type", "x-amz-algorithm", "x-amz-credential", "x-amz-date")]
print(json.dumps({
    "names": sorted(expected["fields"]) == sorted(fields),
    "url": expected["url"] == given["url"],
    "fields": all(expected["fields"][name] == fields[name] for name in compared),
    "policy": policy(expected["fields"]) == policy(fields),
    "posted": [post(given["url"], fields), post(expected["url"], expected["fields"])],
}))
