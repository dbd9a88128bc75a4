// Creates, reads and deletes a food with the generated TypeScript client. It fails to compile if openapi.json has other types than used here.
// Arguments: URL of the API, e-mail, password, path of an image.
import assert from "node:assert/strict";
import { openAsBlob } from "node:fs";
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

type Food = components["schemas"]["Food"];

const [url, email, password, path] = process.argv.slice(2) as [string, string, string, string];
const client = createClient<paths>({ baseUrl: url });

const rejected = await client.POST("/login", { body: { email, password: "wrong password" } });
assert.equal(rejected.response.status, 401);
const login = await client.POST("/login", { body: { email, password } });
assert(login.data, JSON.stringify(login.error));
const headers = { Authorization: `Bearer ${login.data.access_token}` };

const image = await openAsBlob(path, { type: "image/png" });
const created = await client.POST("/food", {
  headers,
  params: { header: { "Idempotency-Key": crypto.randomUUID() } },
  body: { title: "Made in TypeScript", description: "<p>Strict</p>", food_image: "" },
  bodySerializer({ title, description }) {
    const form = new FormData();
    form.set("title", title);
    form.set("description", description);
    form.set("food_image", image, "image.png");
    return form;
  },
});
assert(created.data, JSON.stringify(created.error));
const food: Food = created.data;
assert.equal(food.title, "Made in TypeScript");

const target = { food_id: food.id };
const found = await client.GET("/food/{food_id}", { params: { path: target } });
assert.equal(found.data?.creator.id, login.data.id);
assert(found.response.headers.get("etag"));
const listed = await client.GET("/food", { params: { query: { limit: 10 } } });
assert(listed.data?.some(({ id }) => id === food.id));

const stale = await client.DELETE("/food/{food_id}", { headers, params: { path: target, header: { "If-Match": '"9"' } } });
assert(stale.error && "precondition_failed" in stale.error, JSON.stringify(stale));
const deleted = await client.DELETE("/food/{food_id}", { headers, params: { path: target } });
assert.equal(deleted.data, "food deleted");
