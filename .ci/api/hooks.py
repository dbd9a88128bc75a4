"""What a description cannot say and schemathesis has to know: who is signed in, what a picture is, which upload is there and
which password is right."""

import itertools
import os
import re
import uuid

import schemathesis
from local_api import PASSWORD, PICTURE, Api
from schemathesis import GenerationMode

API = Api(os.environ["API"])
SIGNED_IN = os.environ["SIGNED_IN"] == "yes"
# After these a token is good for nothing.
SPENDING = {"logout", "delete_user", "end_sessions", "end_session", "change_password"}
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
    """Whether it is worth sending. In a form all is text: what is meant as a wrong type is none when it arrives."""
    return case.media_type != "multipart/form-data" or is_valid(case)


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw["operationId"]
    # A copy: other cases may share it.
    case.body = body = dict(case.body) if isinstance(case.body, dict) else case.body
    # Else no upload of these would ever be there.
    if SIGNED_IN and operation in {"create_food", "update_food"} and isinstance(body, dict) and is_id(body.get("image_id")):
        body["image_id"] = API.upload(SESSION["access_token"])
    if not is_valid(case):
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if not isinstance(body, dict):
        return
    if "food_image" in body:
        body["food_image"] = PICTURE
    if operation == "change_password":
        body["old_password"] = PASSWORD
    if operation == "login" and next(TURN) % 2:
        body.update(email=EMAIL, password=PASSWORD)
