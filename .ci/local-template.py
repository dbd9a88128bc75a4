"""Writes local.json beside the template.yaml that `sam build` wrote to FOLDER: a copy with what `sam local` needs and AWS does not.

- `sam local` sets only environment variables that the template declares. The copy also declares the AWS variables in ENV, the file for
  `--env-vars`: endpoints and access key of the local engines.
- `sam local start-api` reads bodies as UTF-8, except those of the media types that the OpenAPI document names.

  PYTHON .ci/local-template.py FOLDER ENV    with the Python of .ci/tools"""

import json
import pathlib
import sys

from samcli.yamlhelper import yaml_parse

folder, env = map(pathlib.Path, sys.argv[1:])
template = yaml_parse((folder / "template.yaml").read_text())
settings = json.loads(env.read_text())["Parameters"]
variables = template["Globals"]["Function"]["Environment"]["Variables"]
variables.update((name, "") for name in settings if name.startswith("AWS_"))
document = {"openapi": "3.0.1", "paths": {}, "x-amazon-apigateway-binary-media-types": ["multipart/form-data"]}
template["Resources"]["Api"]["Properties"]["DefinitionBody"] = document
# `sam` reads JSON faster than YAML.
(folder / "local.json").write_text(json.dumps(template))
