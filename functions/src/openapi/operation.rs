//! Builds the `OpenAPI` operation of a route. `utoipa` generates the schemas; the rest is written as JSON, because
//! `utoipa` has no `const`, no required response headers and no `OpenAPI` 3.1.1.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::storage::StorageError;
use domain::token::TokenError;
use domain::use_cases::{CheckSessionError, RateLimitError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::errors;
use crate::ApiError;
use crate::routes::Access;

/// A handler that describes its route as an `OpenAPI` operation.
pub(crate) trait OpenApiOperation {
    /// Returns the operation without its path, method and authentication, which [`crate::routes::ROUTES`] has.
    fn operation() -> Operation;
}

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// An `OpenAPI` operation under construction.
#[derive(Default)]
pub(crate) struct Operation {
    summary: &'static str,
    about: String,
    parameters: Vec<Value>,
    request: Map<String, Value>,
    /// Whether the body is optional and replaces the access token.
    body_authenticates: bool,
    responses: Map<String, Value>,
    errors: Vec<ApiError>,
    pub(super) schemas: BTreeMap<String, Value>,
}

impl Operation {
    pub(crate) fn new(summary: &'static str, about: &str) -> Self {
        Self { summary, about: about.to_owned(), ..Self::default() }
    }

    /// Adds the errors that every route has and returns the operation as JSON.
    pub(super) fn finish(mut self, id: &str, tag: &str, access: Access) -> Value {
        let mut security = json!([]);
        if !self.request.is_empty() {
            let media_types: Vec<_> = self.request.keys().cloned().collect();
            self.errors.extend([
                ApiError::unsupported_media_type(&media_types.join(", ")),
                ApiError::unsupported_encoding(),
            ]);
        }
        self.errors.extend([
            StorageError::Corrupt("example".into()).into(),
            StorageError::Unavailable("example".into()).into(),
        ]);
        if access != Access::Anonymous {
            let is_optional = self.body_authenticates || access == Access::Optional;
            security =
                if is_optional { json!([{"bearer": []}, {}]) } else { json!([{"bearer": []}]) };
            let missing = (access == Access::SignedIn).then_some(TokenError::Missing);
            let invalid = [TokenError::Malformed, TokenError::Expired, TokenError::Rejected];
            let errors = missing.into_iter().chain(invalid);
            self.errors.extend(errors.map(|error| CheckSessionError::Token(error).into()));
        }
        let mut responses = errors::responses(self.errors);
        responses.extend(self.responses);
        let mut operation = json!({
            "operationId": id, "tags": [tag], "summary": self.summary, "description": self.about,
            "security": security, "responses": responses,
        });
        if !self.parameters.is_empty() {
            operation["parameters"] = self.parameters.into();
        }
        if !self.request.is_empty() {
            let is_required = !self.body_authenticates;
            operation["requestBody"] = json!({"required": is_required, "content": self.request});
        }
        operation
    }

    /// Adds a parameter without an example, because Swagger UI would send the example with every request.
    fn parameter(mut self, location: &str, name: &str, about: &str, schema: &Value) -> Self {
        self.parameters.push(json!({
            "name": name, "in": location, "required": location == "path", "description": about, "schema": schema,
        }));
        self
    }

    /// Adds an id as path parameter, and the 400 for an invalid id.
    pub(crate) fn path_id(self, name: &str, resource: &str) -> Self {
        let schema = json!({"type": "string", "format": "uuid"});
        let about = format!("The id of the {resource}.");
        self.parameter("path", name, &about, &schema).errors([domain::id::InvalidId.into()])
    }

    /// Adds the path parameter `food_id`.
    pub(crate) fn food_id(self) -> Self {
        self.path_id("food_id", "food")
    }

    /// Adds the 429 that a rate limit returns.
    pub(crate) fn rate_limited(self) -> Self {
        let retry_after = Duration::from_secs(599);
        self.errors([RateLimitError::TooMany { retry_after }.into()])
    }

    /// Adds a query parameter.
    pub(crate) fn query_parameter(self, name: &str, about: &str, schema: &Value) -> Self {
        self.parameter("query", name, about, schema)
    }

    /// Adds an optional request header.
    pub(crate) fn header_parameter(self, name: &str, about: &str, schema: &Value) -> Self {
        self.parameter("header", name, about, schema)
    }

    /// Adds the query parameters `limit` and `cursor`, and their errors.
    pub(crate) fn paginated<Id: crate::http::pagination::Cursor>(self) -> Self {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 100});
        // Base64url of the tag of the list, which determines the first character and a part of the second, and the position.
        let first = char::from(BASE64URL[usize::from(Id::TAG >> 2)]);
        let second = usize::from(Id::TAG & 3) * 16;
        let second = String::from_utf8_lossy(&BASE64URL[second..second + 16]);
        // In a class, a hyphen between two characters is a range.
        let second = second.replace('-', r"\-");
        let bytes = 1 + Id::BYTES;
        // The last character has the last 2, 4 or 6 bits.
        let last = ["[A-Za-z0-9_-]", "[AQgw]", "[AEIMQUYcgkosw048]"][bytes % 3];
        let between = (bytes * 8).div_ceil(6) - 3;
        let pattern = format!("^{first}[{second}][A-Za-z0-9_-]{{{between}}}{last}$");
        let cursor = json!({"type": "string", "pattern": pattern});
        let about = "The cursor from the `Link` header of the previous page of this list.";
        self.query_parameter("limit", "The maximum number of entries.", &limit)
            .query_parameter("cursor", about, &cursor)
            .errors([domain::page::InvalidPageSize.into(), ApiError::invalid_cursor()])
    }

    /// Adds the header `Idempotency-Key` and its errors.
    pub(crate) fn idempotent(self) -> Self {
        let schema =
            json!({"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!#-~]+$"});
        let about = "A random UUID or another unique string, for safe retries (IETF draft, version 07). For 24 hours a retry with the \
             same key and fields returns the first response if that was 201, and other fields return 422. After an error the request is \
             executed again; after a 4xx also with corrected fields. A request still in progress returns 409 with `Retry-After`.";
        self.header_parameter("Idempotency-Key", about, &schema).errors([
            ApiError::invalid_request(domain::idempotency::InvalidIdempotencyKey.to_string()),
            ApiError::request_in_progress(),
            ApiError::idempotency_key_reused(),
        ])
    }

    /// Adds the header `If-Match` and its errors.
    pub(crate) fn if_match(self) -> Self {
        let schema = json!({"type": "string", "minLength": 1, "pattern": r#"^(\*|"[0-9]{1,18}(-[0-9]{1,18}){0,2}"(, ?"[0-9]{1,18}(-[0-9]{1,18}){0,2}")*)$"#});
        let about = "The `ETag` of the version to modify, from any response. Only the version in it matters, not likes. If the food has \
             another version, the response is 412 and nothing changes, as with `If-None-Match: *`.";
        self.header_parameter("If-Match", about, &schema).errors([
            ApiError::invalid_request(crate::http::etag::INVALID_CONDITION),
            ApiError::precondition_failed(),
        ])
    }

    /// Adds a JSON request body. Panics if the example cannot be parsed as `T`.
    pub(crate) fn json<T: ToSchema + DeserializeOwned>(self, example: &Value) -> Self {
        serde_json::from_value::<T>(example.clone()).expect("the example is valid");
        self.request_body::<T>("application/json", example)
            .errors([ApiError::invalid_json("email: expected a string at line 1 column 10")])
    }

    /// Adds an optional JSON request body with which the route requires no access token.
    pub(crate) fn json_instead_of_access_token<T: ToSchema + DeserializeOwned>(
        mut self,
        example: &Value,
    ) -> Self {
        serde_json::from_value::<T>(example.clone()).expect("the example is valid");
        self.body_authenticates = true;
        self.request_body::<T>("application/json", example)
    }

    /// Adds a multipart request body with an image.
    pub(crate) fn form<T: ToSchema>(self, example: &Value) -> Self {
        let media_type = "multipart/form-data";
        let mut operation = self.request_body::<T>(media_type, example);
        let images = "image/jpeg, image/png, image/webp, image/gif";
        operation.request[media_type]["encoding"] = json!({"food_image": {"contentType": images}});
        operation.errors([crate::http::multipart::not_a_form()])
    }

    fn request_body<T: ToSchema>(mut self, media_type: &str, example: &Value) -> Self {
        let schema = self.schema::<T>();
        let content = json!({"schema": schema, "example": example});
        self.request.insert(media_type.to_owned(), content);
        self
    }

    /// Makes a field of this request body required that is optional in the schema it shares with another route.
    /// `allOf` would be shorter, but Swagger UI shows no form for it.
    pub(crate) fn required(mut self, media_type: &str, member: &str) -> Self {
        let content = &mut self.request[media_type];
        let shared = content["schema"]["$ref"].as_str().unwrap_or_default();
        let name = shared.rsplit('/').next().unwrap_or_default();
        let mut schema = self.schemas[name].clone();
        let required = schema["required"].as_array_mut();
        required.expect("an object's schema").push(json!(member));
        content["schema"] = schema;
        self
    }

    /// Adds the schema of `T` to the components of the document and returns a `$ref` to it.
    fn schema<T: ToSchema>(&mut self) -> Value {
        let mut all = Vec::new();
        T::schemas(&mut all);
        all.push((T::name().into_owned(), T::schema()));
        for (name, schema) in all {
            let schema = serde_json::to_value(schema).expect("a schema serializes to JSON");
            self.schemas.insert(name, schema);
        }
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }

    /// Adds a response whose body is a JSON object of type `T`.
    pub(crate) fn response<T: ToSchema>(
        mut self,
        status: u16,
        about: &str,
        example: Value,
    ) -> Self {
        let schema = self.schema::<T>();
        self.response_json(status, about, &schema, example)
    }

    /// Adds a response with a JSON array of `T`.
    pub(crate) fn response_array<T: ToSchema>(
        mut self,
        status: u16,
        about: &str,
        example: Value,
    ) -> Self {
        let schema = json!({"type": "array", "items": self.schema::<T>()});
        self.response_json(status, about, &schema, [example])
    }

    /// Adds a response with a JSON array of `T`, or of ids.
    pub(crate) fn response_array_or_ids<T: ToSchema>(
        mut self,
        status: u16,
        about: &str,
        example: Value,
    ) -> Self {
        let id = json!({"type": "string", "format": "uuid"});
        let schema = json!({"type": "array", "items": {"anyOf": [self.schema::<T>(), id]}});
        self.response_json(status, about, &schema, [example])
    }

    /// Adds a response with a constant JSON string.
    pub(crate) fn response_text(self, status: u16, text: &str) -> Self {
        let schema = json!({"type": "string", "const": text});
        self.response_json(status, "The request succeeded.", &schema, text)
    }

    fn response_json(
        self,
        status: u16,
        about: &str,
        schema: &Value,
        example: impl Serialize,
    ) -> Self {
        let content = json!({"application/json": {"schema": schema, "example": example}});
        self.insert_response(status, json!({"description": about, "content": content}))
    }

    /// Adds a response without a body.
    pub(crate) fn response_empty(self, status: u16, about: &str) -> Self {
        self.insert_response(status, json!({ "description": about }))
    }

    /// Adds a response whose body has this media type.
    pub(crate) fn response_file(
        self,
        status: u16,
        about: &str,
        media_type: &str,
        schema: &Value,
    ) -> Self {
        let content = json!({media_type: {"schema": schema}});
        self.insert_response(status, json!({"description": about, "content": content}))
    }

    fn insert_response(mut self, status: u16, response: Value) -> Self {
        self.responses.insert(status.to_string(), response);
        self
    }

    /// Adds a header to the response with this status.
    pub(crate) fn response_header(
        mut self,
        status: u16,
        name: &str,
        about: &str,
        example: &str,
        is_required: bool,
    ) -> Self {
        self.responses[&status.to_string()]["headers"][name] = json!({
            "description": about, "required": is_required, "schema": {"type": "string"}, "example": example,
        });
        self
    }

    /// Adds the header `ETag` to the response with this status.
    pub(crate) fn with_etag(self, status: u16) -> Self {
        let about = "The version of the food.";
        self.response_header(status, "ETag", about, "\"1\"", true)
    }

    /// Adds the header `ETag` of a food with its likes to the response with this status.
    pub(crate) fn with_view_etag(self, status: u16) -> Self {
        let about =
            "The version of the food, its likes, and with an access token 1 or 0 for `liked`.";
        self.response_header(status, "ETag", about, "\"1-12\"", true)
    }

    /// Adds the header `Location` to the response with this status.
    pub(crate) fn with_location(self, status: u16, example: &str) -> Self {
        self.response_header(status, "Location", "The path of the new resource.", example, true)
    }

    /// Adds the header `Cache-Control: no-store` to the response with this status.
    pub(crate) fn no_store(self, status: u16) -> Self {
        let about = "The response must not be cached.";
        self.response_header(status, "Cache-Control", about, "no-store", true)
    }

    /// Adds the header `Link` to the response with this status, a page of a list.
    pub(crate) fn with_next_link(self, status: u16) -> Self {
        let about = "The URL of the next page, if there is one. A page may have fewer than `limit` entries, because a page ends at 512 KB.";
        let example = "<https://api.example.com/food?limit=20&cursor=ZgGZ...>; rel=\"next\"";
        self.response_header(status, "Link", about, example, false)
    }

    /// Adds the header `Cache-Control` to the response with this status, a page of a public list.
    pub(crate) fn cacheable_page(self, status: u16) -> Self {
        let about =
            "A page that was requested without `Authorization` may be cached for five seconds.";
        self.cached_per_caller(status, about, "public, max-age=5")
    }

    /// Adds the headers `Cache-Control`, with this value for anonymous callers, and `Vary` to the response with this status.
    pub(crate) fn cached_per_caller(self, status: u16, about: &str, anonymous: &str) -> Self {
        let about = format!("{about} With `Authorization`, the header is `private, no-cache`.");
        let vary = "Separates responses with and without an access token.";
        self.response_header(status, "Cache-Control", &about, anonymous, true).response_header(
            status,
            "Vary",
            vary,
            "authorization",
            true,
        )
    }

    /// Adds the headers of a response that only the user's own cache may store, and revalidates.
    pub(crate) fn private(self, status: u16) -> Self {
        let about = "The response depends on the user.";
        self.response_header(status, "Cache-Control", about, "private, no-cache", true)
            .response_header(status, "Vary", about, "authorization", true)
    }

    /// Adds the header `Cache-Control` to the response with this status, a document that only a deployment changes.
    pub(crate) fn cacheable(self, status: u16) -> Self {
        let about = "The document may be cached for five minutes.";
        self.response_header(status, "Cache-Control", about, "public, max-age=300", true)
    }

    /// Adds a link to the response with this status. A client can follow it by calling `operation` with `parameters`
    /// and `body`, which are expressions for values of the response (`OpenAPI`, "Link Object").
    pub(crate) fn link(
        mut self,
        status: u16,
        operation: &str,
        parameters: &Value,
        body: Option<&Value>,
    ) -> Self {
        let mut link = json!({"operationId": operation, "parameters": parameters});
        if let Some(body) = body {
            link["requestBody"] = body.clone();
        }
        self.responses[&status.to_string()]["links"][operation] = link;
        self
    }

    /// Adds errors of this operation to those that every route has.
    pub(crate) fn errors<const N: usize>(mut self, errors: [ApiError; N]) -> Self {
        self.errors.extend(errors);
        self
    }
}
