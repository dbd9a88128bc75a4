#!/usr/bin/env python3
"""Writes the event files in this folder: requests as API Gateway's HTTP API sends them to a function
(payload format 2.0). Uses only the standard library; the output is deterministic.

The tokens are signed with the secrets below and expire in 2100. The events need a function with these
secrets and the users, foods and sessions below: see README.md.
"""

import base64
import hashlib
import hmac
import json
import pathlib

FOLDER = pathlib.Path(__file__).parent

ACCESS_SECRET = "the access secret of the events, not for production"
REFRESH_SECRET = "the refresh secret of the events, not for production"

ADA = "01990000-0000-7000-8000-000000000001"
EVE = "01990000-0000-7000-8000-000000000002"
BOLA = "01990000-0000-7000-8000-000000000003"
UNKNOWN_USER = "01990000-0000-7000-8000-00000000ffff"
ADAS_SESSION = "01990000-0000-7000-8000-00000000a001"
ADAS_LAPTOP = "01990000-0000-7000-8000-00000000a005"
EVES_SESSION = "01990000-0000-7000-8000-00000000a002"
REVOKED_SESSION = "01990000-0000-7000-8000-00000000a00f"
ADAS_REFRESH = "01990000-0000-7000-8000-00000000b001"
OTHER_TOKEN = "01990000-0000-7000-8000-00000000b00f"
JOLLOF = "01990000-0000-7000-8000-00000000f001"
FUFU = "01990000-0000-7000-8000-00000000f002"
WAAKYE = "01990000-0000-7000-8000-00000000f003"
UNKNOWN_FOOD = "01990000-0000-7000-8000-00000000ffff"
ADAS_UPLOAD = "01990000-0000-7000-8000-00000000d001"
UNKNOWN_UPLOAD = "01990000-0000-7000-8000-00000000dfff"

ISSUED = 1_790_000_000  # 2026-09-21
UNTIL_2100 = 4_102_444_800
PAST = ISSUED + 900


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(use, user, session, jti=OTHER_TOKEN, expires=UNTIL_2100, secret=None, **claims):
    secret = secret or (ACCESS_SECRET if use == "access" else REFRESH_SECRET)
    kid = hmac.new(secret.encode(), b"food-app key id", hashlib.sha256).hexdigest()[:16]
    header = {"typ": "JWT", "alg": "HS256", "kid": kid}
    body = {
        "sub": user, "sid": session, "jti": jti, "iat": ISSUED, "exp": expires,
        "iss": "food-app", "aud": "food-app", "token_use": use, **claims,
    }
    compact = {"separators": (",", ":")}
    message = ".".join(base64url(json.dumps(part, **compact).encode()) for part in (header, body))
    signature = hmac.new(secret.encode(), message.encode(), hashlib.sha256).digest()
    return f"{message}.{base64url(signature)}"


ADAS_ACCESS_TOKEN = token("access", ADA, ADAS_SESSION)
EVES_ACCESS_TOKEN = token("access", EVE, EVES_SESSION)


def event(
    route, *, path=None, query="", bearer=None, body=None, content_type=None, binary=False, headers=None
):
    method, template = route.split(" ")
    raw_path = template.format(**(path or {}))
    agent = "food-app-events/1.0"
    headers = {
        **(headers or {}),
        "accept": "*/*",
        "content-length": str(len(body or b"")),
        "host": "api.food.example",
        "user-agent": agent,
        "x-amzn-trace-id": "Root=1-6a13f5b0-0123456789abcdef01234567",
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    if bearer is not None:
        headers["authorization"] = f"Bearer {bearer}"
    if content_type:
        headers["content-type"] = content_type
    result = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": raw_path,
        "rawQueryString": query,
        "headers": dict(sorted(headers.items())),
    }
    if query:
        result["queryStringParameters"] = dict(pair.split("=") for pair in query.split("&"))
    if path:
        result["pathParameters"] = path
    result["requestContext"] = {
        "accountId": "123456789012",
        "apiId": "a1b2c3d4e5",
        "domainName": "api.food.example",
        "domainPrefix": "api",
        "http": {
            "method": method,
            "path": raw_path,
            "protocol": "HTTP/1.1",
            "sourceIp": "203.0.113.7",
            "userAgent": agent,
        },
        "requestId": "JKJaXmPLvHcESHA=",
        "routeKey": route,
        "stage": "$default",
        "time": "21/Sep/2026:14:13:20 +0000",
        "timeEpoch": ISSUED * 1000,
    }
    if body is not None:
        result["body"] = base64.b64encode(body).decode() if binary else body.decode()
    result["isBase64Encoded"] = binary
    return result


def with_json(route, value, **more):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return event(route, body=text.encode(), content_type="application/json", **more)


def with_form(route, fields, **more):
    boundary = "----food-app-events"
    body = b""
    for name, value in fields.items():
        body += f"--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"".encode()
        if isinstance(value, tuple):
            file_name, media_type, data = value
            body += f"; filename=\"{file_name}\"\r\nContent-Type: {media_type}".encode()
        else:
            data = value.encode()
        body += b"\r\n\r\n" + data + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    content_type = f"multipart/form-data; boundary={boundary}"
    return event(route, body=body, content_type=content_type, binary=True, **more)


def cursor(tag, entity):
    return base64url(tag + bytes.fromhex(entity.replace("-", "")))


def like_cursor(seconds, food):
    return base64url(b"l" + (seconds * 1000).to_bytes(6, "big") + bytes.fromhex(food.replace("-", "")))


IMAGE = ("jollof.jpg", "image/jpeg", (FOLDER / "jollof.jpg").read_bytes())
GRACE = {
    "first_name": "Grace", "last_name": "Hopper",
    "email": "grace@example.com", "password": "anchors aweigh",
}
IDEMPOTENCY_KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
OTHER_IDEMPOTENCY_KEY = "b1c1f5a2-6c5e-4d0e-9a50-0d6f3f6f1f3c"
SUYA = {"title": "Suya", "description": "<p>With <b>yaji</b></p>", "food_image": IMAGE}
UPLOADED_SUYA = {"title": "Suya", "description": "<p>With <b>yaji</b></p>", "image_id": ADAS_UPLOAD}
FOOD_PATH = "/food/{food_id}"
ADAS_LIKE = ISSUED + 3  # of FUFU

EVENTS = {
    "create_user": with_json("POST /users", GRACE),
    "create_user.idempotent": with_json("POST /users", GRACE, headers={"idempotency-key": IDEMPOTENCY_KEY}),
    "create_user.email_taken": with_json("POST /users", {**GRACE, "email": "ADA@example.com"}),
    "create_user.invalid_fields": with_json(
        "POST /users", {"first_name": " ", "email": "grace", "password": "short"}
    ),
    "create_user.invalid_json": with_json("POST /users", "{\"first_name\":"),
    "list_users": event("GET /users"),
    "list_users.page": event("GET /users", query="limit=1"),
    "list_users.next_page": event("GET /users", query=f"limit=1&cursor={cursor(b'u', ADA)}"),
    "list_users.foreign_cursor": event("GET /users", query=f"cursor={cursor(b'f', JOLLOF)}"),
    "get_user": event("GET /users/{user_id}", path={"user_id": ADA}),
    "get_user.not_found": event("GET /users/{user_id}", path={"user_id": UNKNOWN_USER}),
    "get_user.bad_id": event("GET /users/{user_id}", path={"user_id": "1"}),
    "get_current_user": event("GET /users/me", bearer=ADAS_ACCESS_TOKEN),
    "get_current_user.no_token": event("GET /users/me"),
    "change_password": with_json(
        "PUT /users/me/password",
        {"old_password": "analytical", "new_password": "difference engine"}, bearer=ADAS_ACCESS_TOKEN,
    ),
    "change_password.wrong": with_json(
        "PUT /users/me/password",
        {"old_password": "difference", "new_password": "difference engine"}, bearer=ADAS_ACCESS_TOKEN,
    ),
    "change_password.invalid_fields": with_json(
        "PUT /users/me/password", {"new_password": "password1"}, bearer=ADAS_ACCESS_TOKEN
    ),
    "delete_user": event("DELETE /users/me", bearer=ADAS_ACCESS_TOKEN),
    "delete_user.no_token": event("DELETE /users/me"),
    "login": with_json("POST /login", {"email": "Ada@example.com", "password": "analytical"}),
    "login.incorrect_password": with_json(
        "POST /login", {"email": "ada@example.com", "password": "difference"}
    ),
    "login.unknown_email": with_json(
        "POST /login", {"email": "nobody@example.com", "password": "difference"}
    ),
    "login.invalid_fields": with_json("POST /login", {"email": "ada"}),
    "logout": event("POST /logout", bearer=ADAS_ACCESS_TOKEN),
    "logout.no_token": event("POST /logout"),
    "logout.expired_token": event(
        "POST /logout", bearer=token("access", ADA, ADAS_SESSION, expires=PAST)
    ),
    "logout.revoked_session": event("POST /logout", bearer=token("access", ADA, REVOKED_SESSION)),
    "logout.refresh_token": event("POST /logout", bearer=token("refresh", ADA, ADAS_SESSION)),
    "logout.by_refresh_token": with_json(
        "POST /logout", {"refresh_token": token("refresh", ADA, ADAS_SESSION, ADAS_REFRESH)}
    ),
    "logout.by_expired_tokens": with_json(
        "POST /logout", {"refresh_token": token("refresh", ADA, ADAS_SESSION, expires=PAST)},
        bearer=token("access", ADA, ADAS_SESSION, expires=PAST),
    ),
    "logout.by_invalid_refresh_token": with_json("POST /logout", {"refresh_token": "garbage"}),
    "logout.foreign_secret": event(
        "POST /logout", bearer=token("access", ADA, ADAS_SESSION, secret="x" * 32)
    ),
    "logout.foreign_audience": event(
        "POST /logout", bearer=token("access", ADA, ADAS_SESSION, aud="another-app")
    ),
    "refresh": with_json(
        "POST /refresh", {"refresh_token": token("refresh", ADA, ADAS_SESSION, ADAS_REFRESH)}
    ),
    "refresh.missing_token": with_json("POST /refresh", {}),
    "refresh.reused_token": with_json(
        "POST /refresh", {"refresh_token": token("refresh", ADA, ADAS_SESSION)}
    ),
    "refresh.expired_token": with_json(
        "POST /refresh",
        {"refresh_token": token("refresh", ADA, ADAS_SESSION, ADAS_REFRESH, expires=PAST)},
    ),
    "refresh.access_token": with_json("POST /refresh", {"refresh_token": ADAS_ACCESS_TOKEN}),
    "list_sessions": event("GET /sessions", bearer=ADAS_ACCESS_TOKEN),
    "list_sessions.page": event("GET /sessions", query="limit=1", bearer=ADAS_ACCESS_TOKEN),
    "list_sessions.next_page": event(
        "GET /sessions", query=f"limit=1&cursor={cursor(b's', ADAS_LAPTOP)}", bearer=ADAS_ACCESS_TOKEN
    ),
    "list_sessions.no_token": event("GET /sessions"),
    "revoke_session": event(
        "DELETE /sessions/{session_id}", path={"session_id": ADAS_LAPTOP}, bearer=ADAS_ACCESS_TOKEN
    ),
    "revoke_session.current": event(
        "DELETE /sessions/{session_id}", path={"session_id": ADAS_SESSION}, bearer=ADAS_ACCESS_TOKEN
    ),
    "revoke_session.not_found": event(
        "DELETE /sessions/{session_id}", path={"session_id": EVES_SESSION}, bearer=ADAS_ACCESS_TOKEN
    ),
    "revoke_session.bad_id": event(
        "DELETE /sessions/{session_id}", path={"session_id": "1"}, bearer=ADAS_ACCESS_TOKEN
    ),
    "revoke_sessions": event("DELETE /sessions", bearer=ADAS_ACCESS_TOKEN),
    "revoke_sessions.all": event("DELETE /sessions", query="current=true", bearer=ADAS_ACCESS_TOKEN),
    "revoke_sessions.bad_query": event("DELETE /sessions", query="current=1", bearer=ADAS_ACCESS_TOKEN),
    "create_food": with_form("POST /food", SUYA, bearer=ADAS_ACCESS_TOKEN),
    "create_food.idempotent": with_form(
        "POST /food", SUYA, bearer=ADAS_ACCESS_TOKEN, headers={"idempotency-key": IDEMPOTENCY_KEY}
    ),
    "create_food.unique_title": with_form(
        "POST /food", {**SUYA, "title": " JOLLOF rice"}, bearer=ADAS_ACCESS_TOKEN
    ),
    "create_food.invalid_fields": with_form(
        "POST /food", {"title": "null", "food_image": "undefined"}, bearer=ADAS_ACCESS_TOKEN
    ),
    "create_food.not_an_image": with_form(
        "POST /food",
        {**SUYA, "food_image": ("suya.jpg", "image/jpeg", b"<html>not an image</html>")},
        bearer=ADAS_ACCESS_TOKEN,
    ),
    "create_food.no_token": with_form("POST /food", SUYA),
    "create_food.not_a_form": event(
        "POST /food", body=b"title=Suya", content_type="text/plain", bearer=ADAS_ACCESS_TOKEN
    ),
    "create_food.upload": with_json("POST /food", UPLOADED_SUYA, bearer=ADAS_ACCESS_TOKEN),
    "create_food.upload_idempotent": with_json(
        "POST /food", UPLOADED_SUYA, bearer=ADAS_ACCESS_TOKEN, headers={"idempotency-key": OTHER_IDEMPOTENCY_KEY}
    ),
    "create_food.no_such_upload": with_json(
        "POST /food", {**UPLOADED_SUYA, "image_id": UNKNOWN_UPLOAD}, bearer=ADAS_ACCESS_TOKEN
    ),
    "create_image_upload": with_json(
        "POST /food/images",
        {"content_type": "image/jpeg", "size": len(IMAGE[2])}, bearer=ADAS_ACCESS_TOKEN,
    ),
    "create_image_upload.invalid_fields": with_json(
        "POST /food/images", {"content_type": "image/svg+xml", "size": 0}, bearer=ADAS_ACCESS_TOKEN
    ),
    "create_image_upload.too_large": with_json(
        "POST /food/images", {"content_type": "image/jpeg", "size": 8192001}, bearer=ADAS_ACCESS_TOKEN
    ),
    "create_image_upload.no_token": with_json(
        "POST /food/images", {"content_type": "image/jpeg", "size": 1}
    ),
    "list_food": event("GET /food"),
    "list_food.page": event("GET /food", query="limit=1"),
    "list_food.next_page": event("GET /food", query=f"limit=1&cursor={cursor(b'f', FUFU)}"),
    "list_food.bad_limit": event("GET /food", query="limit=101"),
    "get_openapi": event("GET /openapi.json"),
    "get_docs": event("GET /docs", headers={"accept-encoding": "gzip, deflate, br"}),
    "get_docs.plain": event("GET /docs"),
    "get_food": event("GET " + FOOD_PATH, path={"food_id": JOLLOF}),
    "get_food.not_modified": event(
        "GET " + FOOD_PATH, path={"food_id": JOLLOF}, headers={"if-none-match": "\"1-1\""}
    ),
    "get_food.liked": event("GET " + FOOD_PATH, path={"food_id": FUFU}, bearer=ADAS_ACCESS_TOKEN),
    "get_food.expired_token": event(
        "GET " + FOOD_PATH, path={"food_id": FUFU}, bearer=token("access", ADA, ADAS_SESSION, expires=PAST)
    ),
    "get_food.not_found": event("GET " + FOOD_PATH, path={"food_id": UNKNOWN_FOOD}),
    "get_food.bad_id": event("GET " + FOOD_PATH, path={"food_id": "jollof"}),
    "update_food": with_form(
        "PUT " + FOOD_PATH,
        {**SUYA, "title": "Party jollof"}, path={"food_id": JOLLOF}, bearer=ADAS_ACCESS_TOKEN,
    ),
    "update_food.keeps_image": with_form(
        "PUT " + FOOD_PATH,
        {"food_image": "undefined", "title": "Jollof rice", "description": "Smoky"},
        path={"food_id": JOLLOF}, bearer=ADAS_ACCESS_TOKEN,
    ),
    "update_food.upload": with_json(
        "PUT " + FOOD_PATH, UPLOADED_SUYA, path={"food_id": JOLLOF}, bearer=ADAS_ACCESS_TOKEN
    ),
    "update_food.no_such_upload": with_json(
        "PUT " + FOOD_PATH, {**UPLOADED_SUYA, "image_id": UNKNOWN_UPLOAD},
        path={"food_id": JOLLOF}, bearer=ADAS_ACCESS_TOKEN,
    ),
    "update_food.unique_title": with_form(
        "PUT " + FOOD_PATH,
        {"title": "fufu AND egusi", "description": "Smoky"},
        path={"food_id": JOLLOF}, bearer=ADAS_ACCESS_TOKEN,
    ),
    "update_food.precondition_failed": with_form(
        "PUT " + FOOD_PATH, SUYA,
        path={"food_id": JOLLOF}, bearer=ADAS_ACCESS_TOKEN, headers={"if-match": "\"7\""},
    ),
    "update_food.not_owner": with_form(
        "PUT " + FOOD_PATH, SUYA, path={"food_id": JOLLOF}, bearer=EVES_ACCESS_TOKEN
    ),
    "update_food.not_found": with_form(
        "PUT " + FOOD_PATH, SUYA, path={"food_id": UNKNOWN_FOOD}, bearer=ADAS_ACCESS_TOKEN
    ),
    "like_food": event(f"PUT {FOOD_PATH}/like", path={"food_id": WAAKYE}, bearer=ADAS_ACCESS_TOKEN),
    "like_food.again": event(f"PUT {FOOD_PATH}/like", path={"food_id": FUFU}, bearer=ADAS_ACCESS_TOKEN),
    "like_food.own_food": event(f"PUT {FOOD_PATH}/like", path={"food_id": JOLLOF}, bearer=ADAS_ACCESS_TOKEN),
    "like_food.not_found": event(
        f"PUT {FOOD_PATH}/like", path={"food_id": UNKNOWN_FOOD}, bearer=ADAS_ACCESS_TOKEN
    ),
    "like_food.bad_id": event(f"PUT {FOOD_PATH}/like", path={"food_id": "1"}, bearer=ADAS_ACCESS_TOKEN),
    "like_food.no_token": event(f"PUT {FOOD_PATH}/like", path={"food_id": FUFU}),
    "unlike_food": event(f"DELETE {FOOD_PATH}/like", path={"food_id": FUFU}, bearer=ADAS_ACCESS_TOKEN),
    "unlike_food.not_liked": event(
        f"DELETE {FOOD_PATH}/like", path={"food_id": WAAKYE}, bearer=ADAS_ACCESS_TOKEN
    ),
    "unlike_food.not_found": event(
        f"DELETE {FOOD_PATH}/like", path={"food_id": UNKNOWN_FOOD}, bearer=ADAS_ACCESS_TOKEN
    ),
    "list_likes": event("GET /users/me/likes", bearer=ADAS_ACCESS_TOKEN),
    "list_likes.next_page": event(
        "GET /users/me/likes", query=f"limit=1&cursor={like_cursor(ADAS_LIKE, FUFU)}", bearer=ADAS_ACCESS_TOKEN
    ),
    "list_likes.ids": event(
        "GET /users/me/likes", query=f"ids={JOLLOF},{FUFU},{WAAKYE}", bearer=ADAS_ACCESS_TOKEN
    ),
    "list_likes.bad_ids": event("GET /users/me/likes", query=f"ids={FUFU},", bearer=ADAS_ACCESS_TOKEN),
    "list_likes.foreign_cursor": event(
        "GET /users/me/likes", query=f"cursor={cursor(b'f', FUFU)}", bearer=ADAS_ACCESS_TOKEN
    ),
    "list_likes.no_token": event("GET /users/me/likes"),
    "list_user_food": event("GET /users/{user_id}/food", path={"user_id": EVE}),
    "list_user_food.next_page": event(
        "GET /users/{user_id}/food", path={"user_id": EVE}, query=f"limit=1&cursor={cursor(b'f', WAAKYE)}"
    ),
    "list_user_food.unknown_user": event("GET /users/{user_id}/food", path={"user_id": UNKNOWN_USER}),
    "list_user_food.bad_id": event("GET /users/{user_id}/food", path={"user_id": "me"}),
    "similar_food": event(f"GET {FOOD_PATH}/similar", path={"food_id": FUFU}),
    "similar_food.not_found": event(f"GET {FOOD_PATH}/similar", path={"food_id": UNKNOWN_FOOD}),
    "recommend": event("GET /recommendations", bearer=ADAS_ACCESS_TOKEN),
    "recommend.anonymous": event("GET /recommendations"),
    "recommend.revoked_session": event("GET /recommendations", bearer=token("access", ADA, REVOKED_SESSION)),
    "delete_food": event("DELETE " + FOOD_PATH, path={"food_id": JOLLOF}, bearer=ADAS_ACCESS_TOKEN),
    "delete_food.precondition_failed": event(
        "DELETE " + FOOD_PATH,
        path={"food_id": JOLLOF}, bearer=ADAS_ACCESS_TOKEN, headers={"if-match": "\"7\""},
    ),
    "delete_food.not_owner": event(
        "DELETE " + FOOD_PATH, path={"food_id": JOLLOF}, bearer=EVES_ACCESS_TOKEN
    ),
    "delete_food.not_found": event(
        "DELETE " + FOOD_PATH, path={"food_id": UNKNOWN_FOOD}, bearer=ADAS_ACCESS_TOKEN
    ),
    "delete_food.bad_id": event(
        "DELETE " + FOOD_PATH, path={"food_id": "%00"}, bearer=ADAS_ACCESS_TOKEN
    ),
}


def scheduled(rule):
    """The scheduled event of EventBridge."""
    return {
        "version": "0", "id": "01990000-0000-4000-8000-00000000e001",
        "detail-type": "Scheduled Event", "source": "aws.events", "account": "123456789012",
        "time": "2026-09-21T14:13:20Z", "region": "us-east-1",
        "resources": [f"arn:aws:events:us-east-1:123456789012:rule/{rule}"],
        "detail": {},
    }


def stream(*keys):
    """The event of a DynamoDB stream with the keys of changed items."""
    table = "arn:aws:dynamodb:us-east-1:123456789012:table/food-app-likes"
    return {"Records": [{
        "eventID": f"{number:032x}", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1789913600.0,
            "Keys": {name: {"S": value} for name, value in key.items()},
            "SequenceNumber": f"{number * 100:021}", "SizeBytes": 110, "StreamViewType": "KEYS_ONLY",
        },
        "eventSourceARN": f"{table}/stream/2026-09-21T14:13:20.000",
    } for number, key in enumerate(keys, 1)]}


EVENTS["sweep_images"] = scheduled("food-app-sweep-images")
EVENTS["train_recommendations"] = scheduled("food-app-train-recommendations")
# A like, an item that is ignored, and a malformed key.
EVENTS["update_recommendations"] = stream(
    {"pk": f"USER#{ADA}", "sk": f"LIKE#{FUFU}"},
    {"pk": f"FOOD#{FUFU}", "sk": "COUNT#1"},
    {"pk": f"USER#{ADA}", "sk": "LIKE#fufu"},
)

if __name__ == "__main__":
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for name, value in EVENTS.items():
        text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
    print(f"{len(EVENTS)} events")
