"""Validates the OpenAPI document that the SAM transform generates for API Gateway with swagger-parser, which finds what API Gateway warns about
when it imports the document. Fails if a message is not in KNOWN, if one in KNOWN no longer comes, or if the negative control is not found.
Prints the messages.

  PYTHON .ci/gateway_document.py EXPANDED    with the Python of .ci/tools; EXPANDED is expanded.json of .ci/template.py"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import template

# Defects of the transform. With `FailOnWarnings` they would fail the deployment (.ci/template_rules.py).
KNOWN = [
    r"attribute \.servers\.url is missing",
    r"attribute paths\.'/[^']+'\([a-z]+\)\.parameters\.\[\w+\]\.content is missing",
]


def messages(document):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(document, file)
        file.flush()
        command = pathlib.Path(sys.executable).with_name("openapi-generator-cli")
        run = subprocess.run([command, "validate", "--input-spec", file.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = " ".join(run.stdout.split())  # long messages are wrapped
    found = re.fullmatch(r".*? Errors: - (.*) \[error\] Spec has (\d+) errors\.", output)
    assert found and len(found[1].split(" - ")) == int(found[2]), f"exit status {run.returncode}: {output}"
    return found[1].split(" - ")


def unknown(found):
    return [message for message in found if not any(re.fullmatch(known, message) for known in KNOWN)]


def main(expanded):
    deployment = template.Deployment(json.loads(expanded.read_text()), template.DEFAULT)
    (api,) = deployment.resources("AWS::ApiGatewayV2::Api").values()
    found = messages(api["Body"])
    print("\n".join(found))
    assert not unknown(found), unknown(found)
    for known in KNOWN:
        assert any(re.fullmatch(known, message) for message in found), f"the transform is corrected: remove {known}"
    del api["Body"]["paths"]["/docs"]["get"]["responses"]
    expected = ["attribute paths.'/docs'(get).responses is missing"]
    assert unknown(messages(api["Body"])) == expected, "the negative control is not found"


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
