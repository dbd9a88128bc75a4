"""Given an upload as we signed it, on standard input: lets boto3 sign the same at the same moment, compares, and posts an image by
each. Prints one line of JSON."""

import base64
import datetime
import json
import sys

import boto3
import botocore.auth
import botocore.signers
import urllib3
from botocore.config import Config

asked = json.load(sys.stdin)
fields = dict(asked["fields"])
moment = datetime.datetime.strptime(fields["x-amz-date"], "%Y%m%dT%H%M%SZ")

# Both modules ask for the time by a function of this name.
botocore.auth.get_current_datetime = lambda *_, **__: moment
botocore.signers.get_current_datetime = lambda *_, **__: moment

client = boto3.client(
    "s3", endpoint_url=asked["endpoint"], region_name=asked["region"], aws_access_key_id=asked["access_key_id"],
    aws_secret_access_key=asked["secret_access_key"], config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
)
theirs = client.generate_presigned_post(
    asked["bucket"], fields["key"], Fields={"Content-Type": fields["Content-Type"]},
    Conditions=[["content-length-range", asked["bytes"], asked["bytes"]], {"Content-Type": fields["Content-Type"]}],
    ExpiresIn=asked["lifetime"],
)


def policy(fields):
    policy = json.loads(base64.b64decode(fields["policy"]))
    policy["conditions"] = sorted(policy["conditions"], key=json.dumps)
    policy["expiration"] = policy["expiration"].replace(".000Z", "Z")
    return policy


def post(url, fields):
    image = base64.b64decode(asked["image"])
    form = [*fields.items(), ("file", ("image", image, fields["Content-Type"]))]
    return urllib3.PoolManager().request("POST", url, fields=form).status


same = [name for name in ("key", "Content-Type", "x-amz-algorithm", "x-amz-credential", "x-amz-date")]
print(json.dumps({
    "names": sorted(theirs["fields"]) == sorted(fields),
    "url": theirs["url"] == asked["url"],
    "fields": all(theirs["fields"][name] == fields[name] for name in same),
    "policy": policy(theirs["fields"]) == policy(fields),
    "posted": [post(asked["url"], fields), post(theirs["url"], theirs["fields"])],
}))
