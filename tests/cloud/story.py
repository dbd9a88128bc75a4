"""Requests to the deployed API that the Bruno collection does not send: CORS, images through CloudFront, rejected uploads, conditional
requests, idempotency and reuse of a refresh token."""

import os
import secrets

import stack
from gateway import Client
from local_api import PASSWORD, ROOT

ORIGIN = "https://app.example"
PHOTO = (ROOT / "events/jollof.jpg").read_bytes()


def run(url):
    """Calls the API as a new user and deletes the account afterwards."""
    anonymous = Client(url)
    check_gateway(anonymous)
    email = f"{secrets.token_hex(8)}@example.com"
    user = check_sign_up(anonymous, email)
    client = log_in(url, email)
    check_upload(client)
    food = check_food(client)
    check_images(client, food)
    check_refresh(url, email)
    delete_account(client, food, user)


def log_in(url, email):
    tokens = Client(url).call(200, "POST", "/login", {"email": email, "password": PASSWORD}).json
    client = Client(url, tokens["access_token"])
    client.refresh_token = tokens["refresh_token"]
    return client


def sign_up(url):
    """Creates a user and returns the e-mail."""
    email = f"{secrets.token_hex(8)}@example.com"
    Client(url).call(201, "POST", "/users", {"first_name": "Ada", "last_name": "Okafor", "email": email, "password": PASSWORD})
    return email


def check_gateway(client):
    client.call(404, "GET", "/unknown")
    client.call(404, "PATCH", "/food")
    preflight = client.call(
        204, "OPTIONS", "/food", origin=ORIGIN, access_control_request_method="POST",
        access_control_request_headers="authorization,content-type,idempotency-key",
    ).headers
    assert preflight["access-control-allow-origin"] == "*", preflight
    assert "POST" in preflight["access-control-allow-methods"] and "idempotency-key" in preflight["access-control-allow-headers"], preflight
    assert preflight["access-control-max-age"] == "7200", preflight
    response = client.call(200, "GET", "/food", origin=ORIGIN).headers
    assert response["access-control-allow-origin"] == "*" and "etag" in response["access-control-expose-headers"], response


def check_sign_up(client, email):
    """Repeats a sign-up with its idempotency key, with the media type that `curl -d` sends. Returns the user's id."""
    body = f'{{"first_name": "Ada", "last_name": "Okafor", "email": "{email}", "password": "{PASSWORD}"}}'.encode()
    headers = {"content_type": "application/x-www-form-urlencoded", "idempotency_key": secrets.token_hex(16)}
    first = client.call(201, "POST", "/users", body, **headers)
    assert client.call(201, "POST", "/users", body, **headers).json == first.json
    assert first.headers["location"] == f"/users/{first.json['id']}", first.headers
    client.call(409, "POST", "/users", body, content_type="application/json")
    return first.json["id"]


def form(fields, file=None):
    """The body and the media type of a form."""
    boundary = secrets.token_hex(16)
    parts = [f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    if file:
        name, content = file
        head = f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"; filename="a.jpg"\r\ncontent-type: image/jpeg\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def check_upload(client):
    """Sends files to the bucket that differ from what the presigned POST allows, and the preflight of a browser."""
    presigned = client.call(201, "POST", "/food/images", {"content_type": "image/jpeg", "size": len(PHOTO)}).json["upload"]
    bucket = Client(presigned["url"])
    for fields, file in [
        (presigned["fields"], PHOTO + b"longer"),
        (presigned["fields"] | {"key": "uploads/other"}, PHOTO),
        (presigned["fields"] | {"x-amz-signature": "0" * 64}, PHOTO),
    ]:
        body, media_type = form(fields, ("file", file))
        response = bucket.call(400 if len(file) > len(PHOTO) else 403, "POST", "", body, content_type=media_type)
        assert b"<Error>" in response.body, response.body
    preflight = bucket.call(200, "OPTIONS", "", origin=ORIGIN, access_control_request_method="POST").headers
    assert preflight["access-control-allow-origin"] == "*" and "POST" in preflight["access-control-allow-methods"], preflight


def check_food(client):
    """Creates a food by a form, twice with one idempotency key; edits it without an image; sends conditional requests. Returns it."""
    title = f"Jollof {secrets.token_hex(8)}"
    body, media_type = form({"title": title, "description": "<p>Smoky</p>"}, ("food_image", PHOTO))
    headers = {"content_type": media_type, "idempotency_key": secrets.token_hex(16)}
    created = client.call(201, "POST", "/food", body, **headers)
    food = created.json
    assert client.call(201, "POST", "/food", body, **headers).json == food
    assert created.headers["location"] == f"/food/{food['id']}", created.headers
    path = f"/food/{food['id']}"
    etag = client.call(200, "GET", path).headers["etag"]
    assert client.call(304, "GET", path, if_none_match=etag).body == b""
    body, media_type = form({"title": f"Party {title}", "description": "<p>Smokier</p>"})
    edited = client.call(200, "PUT", path, body, content_type=media_type, if_match=etag).json
    assert edited["food_image"] == food["food_image"], edited
    client.call(200, "GET", path, if_none_match=etag)
    client.call(412, "PUT", path, body, content_type=media_type, if_match=etag)
    client.call(412, "DELETE", path, if_none_match="*")
    return edited


def check_images(client, food):
    """Gets all renditions through CloudFront. The bucket itself is private."""
    urls = [food["food_image"], *(image["url"] for image in food["images"])]
    assert len(urls) > 2, food
    for url in urls:
        response = client.call(200, "GET", url, origin=ORIGIN)
        headers = response.headers
        assert headers["content-type"] == ("image/webp" if url.endswith(".webp") else "image/jpeg"), (url, headers)
        assert headers["cache-control"] == "public, max-age=31536000, immutable", headers
        assert headers["x-content-type-options"] == "nosniff" and "sandbox" in headers["content-security-policy"], headers
        assert headers["strict-transport-security"] and headers["cross-origin-resource-policy"] == "cross-origin", headers
        assert headers["access-control-allow-origin"] == "*", headers
        client.call(304, "GET", url, if_none_match=headers["etag"])
    base = stack.outputs()["ImagesUrl"]
    assert url.startswith(base + "/"), url
    client.call(403, "GET", base + "/foods/unknown.jpg")
    bucket = f"{os.environ['AWS_ENDPOINT_URL']}/{stack.outputs()['ImagesBucketName']}"
    Client(bucket).call(403, "GET", url.removeprefix(base))


def check_refresh(url, email):
    """Uses a refresh token again before and after its successor was used. The last use revokes the session."""
    client = log_in(url, email)
    first = client.refresh_token

    def refresh(expected, token):
        return Client(url).call(expected, "POST", "/refresh", {"refresh_token": token}).json

    second = refresh(201, first)["refresh_token"]
    assert refresh(201, first)["refresh_token"] == second
    third = refresh(201, second)
    client.token = third["access_token"]
    client.call(200, "GET", "/sessions")
    refresh(401, first)
    client.call(401, "GET", "/sessions")
    refresh(401, third["refresh_token"])


def delete_account(client, food, user):
    client.call(204, "DELETE", "/users/me")
    client.call(401, "GET", "/users/me")
    client.call(401, "GET", f"/food/{food['id']}")
    anonymous = Client(client.url)
    anonymous.call(404, "GET", f"/food/{food['id']}")
    anonymous.call(404, "GET", f"/users/{user}")
