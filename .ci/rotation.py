"""Tests scripts/rotate-secrets.py with fakes of CloudFormation and Secrets Manager. Runs with the Python of .ci/tools."""

import importlib.util

SPEC = importlib.util.spec_from_file_location("rotate_secrets", "scripts/rotate-secrets.py")
script = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(script)

SECRETS = ("access", "refresh")


class CloudFormation:
    def __init__(self):
        self.parameters = {"SigningSecret": "AWSCURRENT", "AcceptedSecret": "", "RefreshTokenSeconds": "604800"}

    def describe_stacks(self, StackName):
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in self.parameters.items()]
        outputs = [{"OutputKey": "AccessSecretArn", "OutputValue": "access"}, {"OutputKey": "RefreshSecretArn", "OutputValue": "refresh"}]
        return {"Stacks": [{"Parameters": parameters, "Outputs": outputs}]}

    def update_stack(self, Parameters, **_):
        changed = {p["ParameterKey"]: p["ParameterValue"] for p in Parameters if "ParameterValue" in p}
        assert changed.items() - self.parameters.items(), "No updates are to be performed"
        self.parameters |= changed

    def get_waiter(self, _):
        return self

    def wait(self, StackName, WaiterConfig):
        pass


class SecretsManager:
    """Versions of each secret by label."""

    def __init__(self):
        self.labels = {secret: {"AWSCURRENT": "v0"} for secret in SECRETS}
        self.versions = 0

    def get_random_password(self, **_):
        return {"RandomPassword": "x" * 64}

    def put_secret_value(self, SecretId, SecretString, VersionStages):
        self.versions += 1
        self.labels[SecretId] |= dict.fromkeys(VersionStages, f"v{self.versions}")
        assert len(self.labels[SecretId]) <= 20, "LimitExceededException"

    def list_secret_version_ids(self, SecretId):
        labels = self.labels[SecretId]
        versions = {version: [label for label in labels if labels[label] == version] for version in labels.values()}
        return {"Versions": [{"VersionId": version, "VersionStages": stages} for version, stages in versions.items()]}

    def update_secret_version_stage(self, SecretId, VersionStage, RemoveFromVersionId, MoveToVersionId=None):
        labels = self.labels[SecretId]
        assert labels.pop(VersionStage) == RemoveFromVersionId
        if MoveToVersionId:
            labels[VersionStage] = MoveToVersionId
        if VersionStage == "AWSCURRENT":
            assert MoveToVersionId, "AWSCURRENT cannot be removed from all versions"
            labels["AWSPREVIOUS"] = RemoveFromVersionId


stack, secrets = CloudFormation(), SecretsManager()
for number in range(30):
    label = f"rotated-{number}"
    old = {secret: set(secrets.labels[secret].values()) for secret in SECRETS}
    script.rotate(stack, secrets, "food-app", label, force=False)
    assert stack.parameters["SigningSecret"] == label
    # The second run is the one after an interruption.
    for _ in range(2):
        script.finish(stack, secrets, "food-app")
        assert stack.parameters["SigningSecret"] == label and not stack.parameters["AcceptedSecret"]
        for secret in SECRETS:
            assert secrets.labels[secret].keys() == {label, "AWSCURRENT"}, secrets.labels
            assert old[secret].isdisjoint(secrets.labels[secret].values()), "the old version has a label"
print("30 rotations left one version with labels")
