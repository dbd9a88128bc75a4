//! What one route takes and answers, as its handler says.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::application::ThrottleError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{errors, example};
use crate::ApiError;

/// A handler that says what it takes and answers.
pub(crate) trait Described {
    /// Everything but method, path and name, which the routes have.
    fn describe() -> Operation;
}

/// A body that can show itself.
pub(crate) trait Example: Serialize + ToSchema {
    /// One that the API could answer.
    fn example() -> Self;
}

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// One operation of the API.
pub(crate) struct Operation {
    pub(super) summary: &'static str,
    pub(super) about: String,
    pub(super) parameters: Vec<Value>,
    pub(super) request: Map<String, Value>,
    pub(super) answers: BTreeMap<u16, Value>,
    pub(super) errors: Vec<ApiError>,
    pub(super) schemas: BTreeMap<String, Value>,
}

impl Operation {
    pub(crate) fn new(summary: &'static str, about: &str) -> Self {
        Self {
            summary,
            about: about.to_owned(),
            parameters: Vec::new(),
            request: Map::new(),
            answers: BTreeMap::new(),
            errors: Vec::new(),
            schemas: BTreeMap::new(),
        }
    }

    fn parameter(
        mut self,
        place: &str,
        name: &str,
        about: &str,
        schema: &Value,
        example: Option<Value>,
    ) -> Self {
        let mut parameter = json!({
            "name": name, "in": place, "required": place == "path", "description": about, "schema": schema,
        });
        if let Some(example) = example {
            parameter["example"] = example;
        }
        self.parameters.push(parameter);
        self
    }

    /// An id in the path. What is none is a 400.
    pub(crate) fn id(self, name: &str, whose: &str, example: &str) -> Self {
        let schema = json!({"type": "string", "format": "uuid"});
        let about = format!("The id of the {whose}.");
        self.parameter("path", name, &about, &schema, Some(example.into()))
            .fails([domain::id::InvalidId.into()])
    }

    /// The food that is meant.
    pub(crate) fn food_id(self) -> Self {
        self.id("food_id", "food", example::FOOD_ID)
    }

    /// Attempts are counted, and beyond a limit refused.
    pub(crate) fn throttled(self) -> Self {
        let retry_after = Duration::from_secs(599);
        self.fails([ThrottleError::TooMany { retry_after }.into()])
    }

    /// A parameter in the query. A value that is wrong is a 400.
    pub(crate) fn query(
        self,
        name: &str,
        about: &str,
        schema: &Value,
        example: impl Into<Value>,
    ) -> Self {
        self.parameter("query", name, about, schema, Some(example.into()))
    }

    /// A header of the request.
    pub(crate) fn header(self, name: &str, about: &str, schema: &Value, example: &str) -> Self {
        self.parameter("header", name, about, schema, Some(example.into()))
    }

    /// A part of a list is asked for, and the next part is linked.
    pub(crate) fn paged<Id: crate::page::Cursor>(self) -> Self {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 100});
        // 17 bytes in base64url, of which the first is that of the list.
        let (first, second) = (Id::TAG >> 2, usize::from(Id::TAG & 3) * 16);
        let (first, second) = (
            char::from(BASE64URL[usize::from(first)]),
            &BASE64URL[second..second + 16],
        );
        let second = String::from_utf8_lossy(second);
        let pattern = format!("^{first}[{second}][A-Za-z0-9_-]{{20}}[AEIMQUYcgkosw048]$");
        let cursor = json!({"type": "string", "pattern": pattern});
        let about = "From the `Link` of the part before. It belongs to its list.";
        self.query("limit", "At most so many entries.", &limit, 20)
            .parameter("query", "cursor", about, &cursor, None)
            .fails([
                domain::page::InvalidPageSize.into(),
                ApiError::foreign_cursor(),
            ])
    }

    /// It is done once for each `Idempotency-Key`.
    pub(crate) fn once(self) -> Self {
        let schema =
            json!({"type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!#-~]+$"});
        let about = "A text of your choice, best a random UUID. Within 24 hours the same key with the same fields is answered with \
             the first answer, and nothing is done again. See \"Doing things once\".";
        let example = "5b3f2c1e-8d4a-4f0b-9c6e-2a7d1f0e9b8c";
        self.header("Idempotency-Key", about, &schema, example)
            .fails([
                ApiError::invalid_request(domain::idempotency::InvalidIdempotencyKey.to_string()),
                ApiError::request_in_progress(),
                ApiError::idempotency_key_reused(),
            ])
    }

    /// It may be asked for one version only.
    pub(crate) fn if_match(self) -> Self {
        let schema = json!({"type": "string", "minLength": 1, "pattern": r#"^(\*|"[0-9]{1,18}v?"(, ?"[0-9]{1,18}v?")*)$"#});
        let about = "The `ETag` of the version that is meant. Where the food has another one, nothing is done.";
        self.header("If-Match", about, &schema, "\"1\"").fails([
            ApiError::invalid_request(crate::etag::INVALID_IF_MATCH),
            ApiError::precondition_failed(),
        ])
    }

    /// A body in JSON. The example has to be one that the handler reads.
    pub(crate) fn json<T: ToSchema + DeserializeOwned>(self, example: &Value) -> Self {
        serde_json::from_value::<T>(example.clone()).expect("an example that can be read");
        self.takes::<T>("application/json", example)
            .fails([ApiError::invalid_json()])
    }

    /// A form with a file in it.
    pub(crate) fn form<T: ToSchema>(self, example: &Value) -> Self {
        self.takes::<T>("multipart/form-data", example)
            .encoding(
                "food_image",
                "image/jpeg, image/png, image/webp, image/gif, image/avif",
            )
            .fails([crate::form::no_form()])
    }

    /// Which media types a field of the form has.
    fn encoding(mut self, field: &str, media_types: &str) -> Self {
        let form = self.request.get_mut("multipart/form-data").expect("a form");
        form["encoding"][field] = json!({ "contentType": media_types });
        self
    }

    fn takes<T: ToSchema>(mut self, media_type: &str, example: &Value) -> Self {
        let schema = self.schema::<T>();
        let content = json!({"schema": schema, "example": example});
        self.request.insert(media_type.to_owned(), content);
        self
    }

    /// A member that others may leave out has to be there: so the schema is one of its own, and not `allOf`, which Swagger UI shows no
    /// form for.
    pub(crate) fn requiring(mut self, media_type: &str, member: &str) -> Self {
        let content = self.request.get_mut(media_type).expect("a body");
        let shared = content["schema"]["$ref"].as_str().unwrap_or_default();
        let name = shared.rsplit('/').next().unwrap_or_default();
        let mut schema = self.schemas[name].clone();
        let required = schema["required"].as_array_mut();
        required.expect("an object's schema").push(json!(member));
        content["schema"] = schema;
        self
    }

    /// Makes the schema known, and refers to it.
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

    /// It answers with one of these.
    pub(crate) fn answers<T: Example>(mut self, status: u16, about: &str) -> Self {
        let schema = self.schema::<T>();
        let content = content(&schema, T::example());
        self.answer(status, about, Some(&content))
    }

    /// It answers with an array of these.
    pub(crate) fn answers_array<T: Example>(mut self, status: u16, about: &str) -> Self {
        let schema = json!({"type": "array", "items": self.schema::<T>()});
        let content = content(&schema, [T::example()]);
        self.answer(status, about, Some(&content))
    }

    /// It always answers the same sentence.
    pub(crate) fn answers_sentence(self, status: u16, sentence: &str) -> Self {
        let content = content(&json!({"type": "string", "const": sentence}), sentence);
        self.answer(status, "It is done.", Some(&content))
    }

    /// It answers without a body.
    pub(crate) fn answers_nothing(self, status: u16, about: &str) -> Self {
        self.answer(status, about, None)
    }

    /// It answers something that is no JSON of ours.
    pub(crate) fn answers_with(
        self,
        status: u16,
        about: &str,
        media_type: &str,
        schema: &Value,
    ) -> Self {
        let mut content = Map::new();
        content.insert(media_type.to_owned(), json!({ "schema": schema }));
        self.answer(status, about, Some(&Value::Object(content)))
    }

    fn answer(mut self, status: u16, about: &str, content: Option<&Value>) -> Self {
        let mut answer = json!({ "description": about });
        if let Some(content) = content {
            answer["content"] = content.clone();
        }
        self.answers.insert(status, answer);
        self
    }

    /// A header of the answer.
    pub(crate) fn sends(
        mut self,
        status: u16,
        name: &str,
        about: &str,
        example: &str,
        always: bool,
    ) -> Self {
        let answer = self.answers.get_mut(&status).expect("an answer");
        answer["headers"][name] = json!({
            "description": about, "required": always, "schema": {"type": "string"}, "example": example,
        });
        self
    }

    /// The answer has the food's tag.
    pub(crate) fn tagged(self, status: u16) -> Self {
        let about = "The food's version; with a `v` once it has variants of its picture.";
        self.sends(status, "ETag", about, "\"1\"", true)
    }

    /// Nobody may keep the answer.
    pub(crate) fn unkept(self, status: u16) -> Self {
        let about = "Tokens and the like are for the caller alone.";
        self.sends(status, "Cache-Control", about, "no-store", true)
    }

    /// The answer may link the next part of a list.
    pub(crate) fn linked(self, status: u16) -> Self {
        let about = "Where more follow: the next part.";
        let example = "<https://api.example.com/food?limit=20&cursor=ZgGZ...>; rel=\"next\"";
        self.sends(status, "Link", about, example, false)
    }

    /// Browsers and caches on the way may keep the answer for a while.
    pub(crate) fn kept(self, status: u16) -> Self {
        let about = "It changes with a deployment only.";
        self.sends(status, "Cache-Control", about, "public, max-age=300", true)
    }

    /// What the answer leads to: the operation, its parameters and its body, where they come from the answer.
    pub(crate) fn leads_to(
        mut self,
        status: u16,
        operation: &str,
        parameters: &Value,
        body: Option<&Value>,
    ) -> Self {
        let answer = self.answers.get_mut(&status).expect("an answer");
        let mut link = json!({"operationId": operation, "parameters": parameters});
        if let Some(body) = body {
            link["requestBody"] = body.clone();
        }
        answer["links"][operation] = link;
        self
    }

    /// What may be wrong, beside what is said for all routes of its kind.
    pub(crate) fn fails<const N: usize>(mut self, errors: [ApiError; N]) -> Self {
        self.errors.extend(errors);
        self
    }

    /// All answers by their status, errors included.
    pub(super) fn responses(&mut self, signed_in: bool) -> Map<String, Value> {
        let mut responses = errors::responses(std::mem::take(&mut self.errors), signed_in);
        for (status, answer) in &self.answers {
            responses.insert(status.to_string(), answer.clone());
        }
        responses
    }
}

fn content(schema: &Value, example: impl Serialize) -> Value {
    json!({"application/json": {"schema": schema, "example": example}})
}
