"""What a description cannot say and schemathesis has to know: who is signed in, which upload is there and
which password is right."""

import itertools
import os
import re
import uuid

import schemathesis
from local_api import PASSWORD, Api
from schemathesis import GenerationMode

API = Api(os.environ["API"])
SIGNED_IN = os.environ["SIGNED_IN"] == "yes"
# After these a token is good for nothing.
SPENDING = {"logout", "delete_user", "revoke_sessions", "revoke_session", "change_password"}
EMAIL = API.sign_up()
SESSION = API.log_in(EMAIL)
TURN = itertools.count()


if SIGNED_IN:

    @schemathesis.auth(refresh_interval=None)
    class Bearer:
        def get(self, case, context):
            operation = context.operation.definition.raw["operationId"]
            session = API.log_in(API.sign_up()) if operation in SPENDING else SESSION
            return session["access_token"]

        def set(self, case, token, context):
            case.headers["Authorization"] = f"Bearer {token}"


def is_valid(case):
    """Whether all of it is as the description says."""
    if case.meta is None:
        return False
    modes = [case.meta.generation.mode, *(part.mode for part in case.meta.components.values())]
    return all(mode == GenerationMode.POSITIVE for mode in modes)


def is_id(value):
    return isinstance(value, str) and re.fullmatch("[0-9a-f-]{36}", value) is not None


@schemathesis.hook
def filter_case(context, case):
    """Whether it is worth sending. In a form all is text: what is meant as a wrong type is none when it arrives. And a field's name stands in
    quotes in a header: clients do not agree on how others than these are written there. Nor is any text an image."""
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
    # Forms stay as they are: one that is touched is checked again, and its file taken for a text.
    if case.media_type == "application/json" and isinstance(case.body, dict):
        # A copy: other cases may share it.
        case.body = body = dict(case.body)
    # Else no upload of these would ever be there.
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
    if operation == "login" and next(TURN) % 2:
        body.update(email=EMAIL, password=PASSWORD)
