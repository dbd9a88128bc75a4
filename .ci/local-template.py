"""Writes local.yaml beside the template.yaml that `sam build` has left in the folder named as argument. `sam local` gives a function
the variables that its template names and no others: this one names those of the engines as well. Runs with the Python of .ci/tools."""

import pathlib
import sys

from samcli.yamlhelper import yaml_dump, yaml_parse

folder = pathlib.Path(sys.argv[1])
template = yaml_parse((folder / "template.yaml").read_text())
function = template["Globals"]["Function"]
function["Environment"] = {"Variables": {"AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL_S3": ""}}
(folder / "local.yaml").write_text(yaml_dump(template))
