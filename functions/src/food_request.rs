//! What POST and PUT /food say of a food: a form with the picture in it, or JSON that names an upload.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use lambda_http::Request;
use serde::Deserialize;

use crate::error::ApiError;
use crate::form::FoodForm;
use crate::request;

/// What is said of a food. What is missing is empty.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct FoodRequest {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) image: RequestImage,
}

/// The picture, as the request has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum RequestImage {
    #[default]
    None,
    /// A file in the form.
    File(Bytes),
    /// The id of an upload, or what stands in its place.
    Upload(String),
}

/// What may be wrong with the fields of a food, beside that some are missing.
#[cfg(feature = "openapi")]
pub(crate) fn invalid_food() -> [ApiError; 7] {
    use domain::application::{InvalidFood, InvalidFoodField as Field};
    use domain::image::InvalidImage;

    use crate::setup::MAX_IMAGE_BYTES;

    let max_bytes = usize::try_from(MAX_IMAGE_BYTES).unwrap_or(usize::MAX);
    [
        vec![Field::TitleTooLong, Field::DescriptionTooLong],
        vec![Field::DescriptionTooMuchMarkup],
        vec![Field::NoSuchUpload],
        vec![Field::InvalidImage(InvalidImage::Unrecognised)],
        vec![Field::InvalidImage(InvalidImage::TooManyPixels)],
        vec![Field::InvalidImage(InvalidImage::TooManyFrames)],
        vec![Field::InvalidImage(InvalidImage::TooLarge { max_bytes })],
    ]
    .map(|fields| InvalidFood(fields).into())
}

/// Text, and a picture of up to about 4.4 MB. The words `null` (as title or description) and `undefined` (as picture) count as
/// missing: an old client sends them.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[schema(as = FoodForm)]
#[expect(dead_code, reason = "a form is no struct")]
pub(crate) struct Form {
    /// Kept as typed.
    #[schema(min_length = 1, max_length = 100, pattern = r"\S")]
    title: String,
    /// HTML, of at most 400 opening and 400 closing tags, 800 attributes, and 1,500 bytes in one tag. Scripts, event handlers and
    /// unknown elements are removed.
    #[schema(min_length = 1, max_length = 20_000, pattern = r"\S")]
    description: String,
    /// The picture, told by its bytes, whatever its name; when changing a food, without one it stays.
    #[schema(format = Binary, nullable = false)]
    food_image: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FoodFields))]
pub(crate) struct Body {
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 100, pattern = r"\S"))]
    title: Option<String>,
    /// HTML, of at most 400 opening and 400 closing tags, 800 attributes, and 1,500 bytes in one tag. Scripts, event handlers and
    /// unknown elements are removed.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 20_000, pattern = r"\S"))]
    description: Option<String>,
    /// Of `POST /food/images`; when changing a food, without one the picture stays.
    #[cfg_attr(feature = "openapi", schema(format = "uuid", nullable = false))]
    image_id: Option<String>,
}

impl FoodRequest {
    /// Takes the body out of the request. What does not say that it is JSON is read as a form.
    pub(crate) async fn parse(request: &mut Request) -> Result<Self, ApiError> {
        if is_json(request) {
            let body: Body = request::json(request)?;
            return Ok(Self {
                title: body.title.unwrap_or_default(),
                description: body.description.unwrap_or_default(),
                image: body
                    .image_id
                    .map_or(RequestImage::None, RequestImage::Upload),
            });
        }
        let form = FoodForm::parse(request).await?;
        Ok(Self {
            title: form.title,
            description: form.description,
            image: form.image.map_or(RequestImage::None, RequestImage::File),
        })
    }

    /// What makes it another request, for [`crate::idempotency`].
    pub(crate) fn content(&self) -> Vec<&[u8]> {
        let (title, description) = (self.title.as_bytes(), self.description.as_bytes());
        match &self.image {
            RequestImage::None => vec![title, description, b""],
            RequestImage::File(bytes) => vec![title, description, bytes],
            RequestImage::Upload(id) => vec![title, description, b"", id.as_bytes()],
        }
    }
}

fn is_json(request: &Request) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;

    use super::*;

    async fn parse(content_type: &str, body: impl Into<Body>) -> Result<FoodRequest, u16> {
        let mut request = http::Request::builder()
            .header(CONTENT_TYPE, content_type)
            .body(body.into())
            .unwrap();
        let parsed = FoodRequest::parse(&mut request).await;
        parsed.map_err(|error| error.status().as_u16())
    }

    #[tokio::test]
    async fn json_names_an_upload_or_no_picture() {
        let body = r#"{"title":"Suya","description":"Hot","image_id":"an id","user_id":"x"}"#;
        for content_type in [
            "application/json",
            "Application/JSON; charset=utf-8",
            " application/json ;x",
        ] {
            let expected = FoodRequest {
                title: "Suya".to_owned(),
                description: "Hot".to_owned(),
                image: RequestImage::Upload("an id".to_owned()),
            };
            assert_eq!(parse(content_type, body).await, Ok(expected));
        }
        for empty in ["{}", r#"{"title":null,"description":null,"image_id":null}"#] {
            let parsed = parse("application/json", empty).await;
            assert_eq!(parsed, Ok(FoodRequest::default()));
        }
    }

    #[tokio::test]
    async fn json_of_another_shape_is_422_and_what_is_neither_is_400() {
        for body in ["", "[]", r#"{"title":1}"#, r#"{"image_id":{}}"#] {
            assert_eq!(parse("application/json", body).await, Err(422), "{body}");
        }
        for content_type in ["text/plain", "application/jsonx", "multipart/form-data"] {
            assert_eq!(parse(content_type, "{}").await, Err(400), "{content_type}");
        }
    }

    #[test]
    fn a_file_and_an_upload_of_the_same_bytes_are_two_things() {
        let with = |image| FoodRequest {
            image,
            ..FoodRequest::default()
        };
        let file = with(RequestImage::File(Bytes::from_static(b"x")));
        let upload = with(RequestImage::Upload("x".to_owned()));
        assert_ne!(file.content(), upload.content());
    }
}
