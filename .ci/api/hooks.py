"""Hooks of schemathesis: access tokens, passwords and uploads, which an OpenAPI document cannot express."""

import itertools
import os
import re
import unicodedata
import uuid

import schemathesis
from local_api import PASSWORD, Api
from schemathesis import GenerationMode

API = Api(os.environ["API"])
SIGNED_IN = os.environ["SIGNED_IN"] == "yes"
# These operations revoke the access token they are called with.
REVOKING = {"logout", "delete_user", "revoke_sessions", "revoke_session", "change_password"}
EMAIL = API.sign_up()
SESSION = API.log_in(EMAIL)
LOGINS = itertools.count()


if SIGNED_IN:

    @schemathesis.auth(refresh_interval=None)
    class Bearer:
        def get(self, case, context):
            operation = context.operation.definition.raw["operationId"]
            session = API.log_in(API.sign_up()) if operation in REVOKING else SESSION
            return session["access_token"]

        def set(self, case, token, context):
            case.headers["Authorization"] = f"Bearer {token}"


def is_valid(case):
    """Whether every part of the request conforms to the OpenAPI document."""
    if case.meta is None:
        return False
    modes = [case.meta.generation.mode, *(part.mode for part in case.meta.components.values())]
    return all(mode == GenerationMode.POSITIVE for mode in modes)


def is_id(value):
    return isinstance(value, str) and re.fullmatch("[0-9a-f-]{36}", value) is not None


def is_text(value):
    """Whether a name, title or description has a letter or digit, and no character that a pattern of the document cannot exclude: control
    and format characters, separators of lines, and unassigned ones."""
    unusual = {"Cc", "Cf", "Cn", "Co", "Zl", "Zp"}
    return any(map(str.isalnum, value)) and not any(unicodedata.category(character) in unusual for character in value)


@schemathesis.hook
def filter_case(context, case):
    """Skips forms that do not test what was generated: form fields have no type, clients encode unusual field names differently, and
    random bytes are not an image. Skips valid requests with texts that are not, and invalid bodies of logout."""
    if is_valid(case) and isinstance(case.body, dict):
        texts = [case.body.get(name) for name in ("first_name", "last_name", "title", "description")]
        if not all(is_text(text) for text in texts if isinstance(text, str)):
            return False
    if case.operation.definition.raw["operationId"] == "logout":
        # A body without a refresh token is ignored, because old clients may send any body.
        return is_valid(case)
    if case.media_type != "multipart/form-data":
        return True
    fields = case.body if isinstance(case.body, dict) else {}
    names_are_usual = all(re.fullmatch("[A-Za-z0-9_-]{1,100}", name) for name in fields)
    image = getattr(fields.get("food_image"), "data", b"\x89PNG")
    return is_valid(case) and names_are_usual and image.startswith(b"\x89PNG")


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw["operationId"]
    body = None
    # schemathesis validates a changed form again and then takes its file for text, so forms are not changed.
    if case.media_type == "application/json" and isinstance(case.body, dict):
        # A copy, because cases may share their body.
        case.body = body = dict(case.body)
    # A generated image_id never names an existing upload.
    if SIGNED_IN and operation in {"create_food", "update_food"} and body and is_id(body.get("image_id")):
        body["image_id"] = API.upload(SESSION["access_token"])
    if not is_valid(case):
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if body is None:
        return
    if operation == "change_password":
        body["old_password"] = PASSWORD
    # Generated passwords of few different characters are common.
    for name in {"create_user": ["password"], "change_password": ["new_password"]}.get(operation, []):
        body[name] = (PASSWORD + body[name])[:128]
    if operation == "login" and next(LOGINS) % 2:
        body.update(email=EMAIL, password=PASSWORD)
