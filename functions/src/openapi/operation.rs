//! The operation of one route, as its handler describes it. `utoipa` makes the schemas; the rest is JSON, because
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

use super::{errors, example};
use crate::ApiError;

/// A handler that describes its operation.
pub(crate) trait OpenApiOperation {
    /// Describes everything but what the table of functions has.
    fn operation() -> Operation;
}

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// An operation of the API.
#[derive(Default)]
pub(crate) struct Operation {
    summary: &'static str,
    about: String,
    parameters: Vec<Value>,
    request: Map<String, Value>,
    answers: Map<String, Value>,
    errors: Vec<ApiError>,
    pub(super) schemas: BTreeMap<String, Value>,
}

impl Operation {
    pub(crate) fn new(summary: &'static str, about: &str) -> Self {
        Self {
            summary,
            about: about.to_owned(),
            ..Self::default()
        }
    }

    /// Adds the errors of every route, and returns the operation as JSON.
    pub(super) fn finish(mut self, id: &str, tag: &str, signed_in: bool) -> Value {
        let mut security = json!([]);
        self.errors.extend([
            StorageError::Corrupt("odd".into()).into(),
            StorageError::Unavailable("away".into()).into(),
        ]);
        if signed_in {
            security = json!([{"bearer": []}]);
            let tokens = [
                TokenError::Missing,
                TokenError::Malformed,
                TokenError::Expired,
                TokenError::Rejected,
            ];
            let errors = tokens.map(|error| CheckSessionError::Token(error).into());
            self.errors.extend(errors);
        }
        let mut responses = errors::responses(self.errors);
        responses.extend(self.answers);
        let mut operation = json!({
            "operationId": id, "tags": [tag], "summary": self.summary, "description": self.about,
            "security": security, "responses": responses,
        });
        if !self.parameters.is_empty() {
            operation["parameters"] = self.parameters.into();
        }
        if !self.request.is_empty() {
            operation["requestBody"] = json!({"required": true, "content": self.request});
        }
        operation
    }

    fn parameter(
        mut self,
        place: &str,
        name: &str,
        about: &str,
        schema: &Value,
        example: &Value,
    ) -> Self {
        let mut parameter = json!({
            "name": name, "in": place, "required": place == "path", "description": about, "schema": schema,
        });
        if !example.is_null() {
            parameter["example"] = example.clone();
        }
        self.parameters.push(parameter);
        self
    }

    /// Adds an id in the path. An invalid one is a 400.
    pub(crate) fn id(self, name: &str, whose: &str, example: &str) -> Self {
        let schema = json!({"type": "string", "format": "uuid"});
        let about = format!("The id of the {whose}.");
        self.parameter("path", name, &about, &schema, &example.into())
            .errors([domain::id::InvalidId.into()])
    }

    /// Adds the id of a food.
    pub(crate) fn food_id(self) -> Self {
        self.id("food_id", "food", example::FOOD_ID)
    }

    /// Adds the rate limit.
    pub(crate) fn throttled(self) -> Self {
        let retry_after = Duration::from_secs(599);
        self.errors([RateLimitError::TooMany { retry_after }.into()])
    }

    /// Adds a query parameter. An invalid one is a 400.
    pub(crate) fn query(self, name: &str, about: &str, schema: &Value, example: &Value) -> Self {
        self.parameter("query", name, about, schema, example)
    }

    /// Adds a header of the request.
    pub(crate) fn header(self, name: &str, about: &str, schema: &Value, example: &str) -> Self {
        self.parameter("header", name, about, schema, &example.into())
    }

    /// Adds paging.
    pub(crate) fn paged<Id: crate::http::pagination::Cursor>(self) -> Self {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 100});
        // 17 bytes in base64url, of which the first is that of the list.
        let first = char::from(BASE64URL[usize::from(Id::TAG >> 2)]);
        let second = usize::from(Id::TAG & 3) * 16;
        let second = String::from_utf8_lossy(&BASE64URL[second..second + 16]);
        let pattern = format!("^{first}[{second}][A-Za-z0-9_-]{{20}}[AEIMQUYcgkosw048]$");
        let cursor = json!({"type": "string", "pattern": pattern});
        let about = "From the `Link` of the part before. It belongs to its list.";
        self.query("limit", "At most so many entries.", &limit, &json!(20))
            .query("cursor", about, &cursor, &Value::Null)
            .errors([
                domain::page::InvalidPageSize.into(),
                ApiError::invalid_cursor(),
            ])
    }

    /// Adds `Idempotency-Key`.
    pub(crate) fn once(self) -> Self {
        let schema =
            json!({"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!#-~]+$"});
        let about = "A text of your choice, best a random UUID. Within 24 hours the same key with the same fields is answered with \
             the first answer, and nothing is done again. See \"Doing things once\".";
        let example = "5b3f2c1e-8d4a-4f0b-9c6e-2a7d1f0e9b8c";
        self.header("Idempotency-Key", about, &schema, example)
            .errors([
                ApiError::invalid_request(domain::idempotency::InvalidIdempotencyKey.to_string()),
                ApiError::request_in_progress(),
                ApiError::idempotency_key_reused(),
            ])
    }

    /// Adds `If-Match`.
    pub(crate) fn if_match(self) -> Self {
        let schema = json!({"type": "string", "minLength": 1, "pattern": r#"^(\*|"[0-9]{1,18}"(, ?"[0-9]{1,18}")*)$"#});
        let about = "The `ETag` of the version that is meant. Where the food has another one, nothing is done.";
        self.header("If-Match", about, &schema, "\"1\"").errors([
            ApiError::invalid_request(crate::http::etag::INVALID_IF_MATCH),
            ApiError::precondition_failed(),
        ])
    }

    /// Takes JSON. The handler must be able to read the example.
    pub(crate) fn json<T: ToSchema + DeserializeOwned>(self, example: &Value) -> Self {
        serde_json::from_value::<T>(example.clone()).expect("an example that can be read");
        self.takes::<T>("application/json", example)
            .errors([ApiError::invalid_json()])
    }

    /// Takes a form with an image.
    pub(crate) fn form<T: ToSchema>(self, example: &Value) -> Self {
        let media_type = "multipart/form-data";
        let mut this = self.takes::<T>(media_type, example);
        let images = "image/jpeg, image/png, image/webp, image/gif";
        this.request[media_type]["encoding"] = json!({"food_image": {"contentType": images}});
        this.errors([crate::http::multipart::no_form()])
    }

    fn takes<T: ToSchema>(mut self, media_type: &str, example: &Value) -> Self {
        let schema = self.schema::<T>();
        let content = json!({"schema": schema, "example": example});
        self.request.insert(media_type.to_owned(), content);
        self
    }

    /// Requires a field that is optional in the shared schema. `allOf` would be shorter, but Swagger UI shows no
    /// form for it.
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

    /// Adds the schema to the components, and returns a reference.
    fn schema<T: ToSchema>(&mut self) -> Value {
        let mut all = Vec::new();
        T::schemas(&mut all);
        all.push((T::name().into_owned(), T::schema()));
        for (name, schema) in all {
            let schema = serde_json::to_value(schema).expect("a schema is JSON");
            self.schemas.insert(name, schema);
        }
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }

    /// Returns a body.
    pub(crate) fn answers<T: ToSchema>(mut self, status: u16, about: &str, example: Value) -> Self {
        let schema = self.schema::<T>();
        self.answers_json(status, about, &schema, example)
    }

    /// Returns an array.
    pub(crate) fn answers_array<T: ToSchema>(
        mut self,
        status: u16,
        about: &str,
        example: Value,
    ) -> Self {
        let schema = json!({"type": "array", "items": self.schema::<T>()});
        self.answers_json(status, about, &schema, [example])
    }

    /// Returns always the same text.
    pub(crate) fn answers_sentence(self, status: u16, sentence: &str) -> Self {
        let schema = json!({"type": "string", "const": sentence});
        self.answers_json(status, "It is done.", &schema, sentence)
    }

    fn answers_json(
        self,
        status: u16,
        about: &str,
        schema: &Value,
        example: impl Serialize,
    ) -> Self {
        let content = json!({"application/json": {"schema": schema, "example": example}});
        self.handle_event(status, json!({"description": about, "content": content}))
    }

    /// Returns no body.
    pub(crate) fn answers_nothing(self, status: u16, about: &str) -> Self {
        self.handle_event(status, json!({ "description": about }))
    }

    /// Returns a file of this media type.
    pub(crate) fn answers_with(
        self,
        status: u16,
        about: &str,
        media_type: &str,
        schema: &Value,
    ) -> Self {
        let content = json!({media_type: {"schema": schema}});
        self.handle_event(status, json!({"description": about, "content": content}))
    }

    fn handle_event(mut self, status: u16, answer: Value) -> Self {
        self.answers.insert(status.to_string(), answer);
        self
    }

    /// Adds a header to a response.
    pub(crate) fn sends(
        mut self,
        status: u16,
        name: &str,
        about: &str,
        example: &str,
        always: bool,
    ) -> Self {
        self.answers[&status.to_string()]["headers"][name] = json!({
            "description": about, "required": always, "schema": {"type": "string"}, "example": example,
        });
        self
    }

    /// Adds `ETag` to a response.
    pub(crate) fn with_etag(self, status: u16) -> Self {
        let about = "The food's version.";
        self.sends(status, "ETag", about, "\"1\"", true)
    }

    /// Adds `Cache-Control: no-store` to a response.
    pub(crate) fn no_store(self, status: u16) -> Self {
        let about = "Tokens and the like are for the caller alone.";
        self.sends(status, "Cache-Control", about, "no-store", true)
    }

    /// Adds `Link` to a page of a list.
    pub(crate) fn linked(self, status: u16) -> Self {
        let about = "Where more follow: the next part.";
        let example = "<https://api.example.com/food?limit=20&cursor=ZgGZ...>; rel=\"next\"";
        self.sends(status, "Link", about, example, false)
    }

    /// Adds `Cache-Control` of a file that only a deployment changes.
    pub(crate) fn kept(self, status: u16) -> Self {
        let about = "It changes with a deployment only.";
        self.sends(status, "Cache-Control", about, "public, max-age=300", true)
    }

    /// Links a response to an operation, whose parameters and body come from the response.
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
        self.answers[&status.to_string()]["links"][operation] = link;
        self
    }

    /// Adds errors, beside those of every route.
    pub(crate) fn errors<const N: usize>(mut self, errors: [ApiError; N]) -> Self {
        self.errors.extend(errors);
        self
    }
}
