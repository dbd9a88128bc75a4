"""Creates, reads and deletes a food with the generated Python client. Arguments: URL of the API, e-mail, password, path of an image."""

import sys
from pathlib import Path

from food_app_client import AuthenticatedClient, Client
from food_app_client.api.foods import create_food, delete_food, get_food, list_food
from food_app_client.api.sessions import login
from food_app_client.models import CreateFoodFilesBody, Credentials, Food, FoodAndCreator, AuthenticatedUser
from food_app_client.types import File

url, email, password, path = sys.argv[1:]
rejected = login.sync_detailed(client=Client(url), body=Credentials(email=email, password="wrong password"))
assert rejected.status_code == 401, rejected
session = login.sync(client=Client(url), body=Credentials(email=email, password=password))
assert isinstance(session, AuthenticatedUser), session
client = AuthenticatedClient(url, token=session.access_token)

with Path(path).open("rb") as image:
    file = File(payload=image, file_name="image.png", mime_type="image/png")
    body = CreateFoodFilesBody(title="Made in Python", description="<p>Dynamic</p>", food_image=file)
    food = create_food.sync(client=client, body=body)
assert isinstance(food, Food) and food.title == "Made in Python", food

found = get_food.sync(client=client, food_id=food.id)
assert isinstance(found, FoodAndCreator) and found.creator.id == session.id, found
assert food.id in [listed.id for listed in list_food.sync(client=client, limit=10)]

stale = delete_food.sync_detailed(client=client, food_id=food.id, if_match='"9"')
assert stale.status_code == 412 and stale.parsed.precondition_failed, stale
assert delete_food.sync(client=client, food_id=food.id) == "food deleted"
