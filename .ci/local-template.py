"""Writes local.yaml beside the template.yaml that `sam build` wrote to the folder in the argument. `sam local` sets only environment variables
that the template declares; this copy also declares the endpoints of the local engines. Runs with the Python of .ci/tools."""

import pathlib
import sys

from samcli.yamlhelper import yaml_dump, yaml_parse

folder = pathlib.Path(sys.argv[1])
template = yaml_parse((folder / "template.yaml").read_text())
function = template["Globals"]["Function"]
function["Environment"] = {"Variables": {"AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL_S3": ""}}
(folder / "local.yaml").write_text(yaml_dump(template))
