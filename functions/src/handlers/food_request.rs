//! Parses the bodies of POST and PUT /food: a form with an image, or JSON with the id of an upload.

use domain::image::ImageSource;
use domain::use_cases::FoodInput;
use lambda_http::Request;
use serde::Deserialize;

use crate::error::ApiError;
use crate::http::multipart::FoodForm;
use crate::http::request::{self, JSON};

/// The media types of a food.
const MEDIA_TYPES: &str = "application/json, multipart/form-data";

/// Returns the validation errors of a food, except those of missing fields, for the `OpenAPI` document.
#[cfg(feature = "openapi")]
pub(crate) fn invalid_food() -> [ApiError; 9] {
    use domain::image::InvalidImage;
    use domain::use_cases::{InvalidFood, InvalidFoodField as Field};

    use crate::dependencies::MAX_IMAGE_BYTES;

    let max_bytes = usize::try_from(MAX_IMAGE_BYTES).unwrap_or(usize::MAX);
    [
        vec![Field::TitleTooLong, Field::DescriptionTooLong],
        vec![Field::InvalidTitle],
        vec![Field::DescriptionTooMuchMarkup],
        vec![Field::UploadNotFound],
        vec![Field::InvalidImage(InvalidImage::UnsupportedFormat)],
        vec![Field::InvalidImage(InvalidImage::Malformed)],
        vec![Field::InvalidImage(InvalidImage::TooManyPixels)],
        vec![Field::InvalidImage(InvalidImage::TooComplex)],
        vec![Field::InvalidImage(InvalidImage::TooLarge { max_bytes })],
    ]
    .map(|fields| InvalidFood(fields).into())
}

/// The form of a food, with an image of up to about 4.4 MB. The words `null` (in `title` and `description`) and `undefined` (in
/// `food_image`) count as missing, because an old client sends them.
#[cfg(feature = "openapi")]
#[derive(utoipa::ToSchema)]
#[schema(as = FoodForm)]
#[expect(dead_code, reason = "only the schema is used")]
pub(crate) struct Form {
    /// One line with visible text, without control, format and bidirectional override characters. Unique; case does not matter.
    #[schema(min_length = 1, max_length = 100, pattern = r"\S", examples("Moi moi"))]
    title: String,
    /// HTML with visible text, at most 20,480 bytes, 400 opening and 400 closing tags, 800 attributes, and 1,500 bytes in one tag. Scripts,
    /// event handlers, images and unknown elements are removed, and links other than absolute `http`, `https` and `mailto` URLs.
    #[schema(
        min_length = 1,
        max_length = 20_000,
        pattern = r"\S",
        examples("Steamed bean pudding with <b>peppers</b>.")
    )]
    description: String,
    /// A JPEG, PNG, WebP or GIF file, detected by its content. Without it, an update does not change the image.
    #[schema(format = Binary, nullable = false)]
    food_image: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = FoodFields))]
pub(crate) struct Body {
    /// One line with visible text, without control, format and bidirectional override characters. Unique; case does not matter.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 100, pattern = r"\S"))]
    title: Option<String>,
    /// HTML with visible text, at most 20,480 bytes, 400 opening and 400 closing tags, 800 attributes, and 1,500 bytes in one tag. Scripts,
    /// event handlers, images and unknown elements are removed, and links other than absolute `http`, `https` and `mailto` URLs.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 20_000, pattern = r"\S"))]
    description: Option<String>,
    /// The id of an upload (`POST /food/images`). Without it, an update does not change the image.
    #[cfg_attr(feature = "openapi", schema(format = "uuid", nullable = false))]
    image_id: Option<String>,
}

/// Parses the body of a food request: JSON or a multipart form, depending on the content type.
pub(crate) async fn parse(request: &mut Request) -> Result<FoodInput, ApiError> {
    request::check_encoding(request)?;
    let is = |media_type| {
        request::media_type(request).is_some_and(|given| given.eq_ignore_ascii_case(media_type))
    };
    if is(JSON) {
        let body: Body = request::json(request)?;
        let image = body.image_id.map_or(ImageSource::None, ImageSource::Upload);
        return Ok(FoodInput {
            title: body.title.unwrap_or_default(),
            description: body.description.unwrap_or_default(),
            image,
        });
    }
    if !is("multipart/form-data") {
        return Err(ApiError::unsupported_media_type(MEDIA_TYPES));
    }
    let form = FoodForm::parse(request).await?;
    Ok(FoodInput {
        title: form.title,
        description: form.description,
        image: form.image.map_or(ImageSource::None, ImageSource::Inline),
    })
}

/// Returns the field values that a retry with the same idempotency key must repeat.
pub(crate) fn content(input: &FoodInput) -> Vec<&[u8]> {
    let (title, description) = (input.title.as_bytes(), input.description.as_bytes());
    match &input.image {
        ImageSource::None => vec![title, description, b""],
        ImageSource::Inline(bytes) => vec![title, description, bytes],
        ImageSource::Upload(id) => vec![title, description, b"", id.as_bytes()],
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::header::CONTENT_TYPE;
    use lambda_http::Body;

    use super::*;

    async fn parsed(content_type: &str, body: impl Into<Body>) -> Result<FoodInput, u16> {
        let mut request =
            http::Request::builder().header(CONTENT_TYPE, content_type).body(body.into()).unwrap();
        parse(&mut request).await.map_err(|error| error.status().as_u16())
    }

    #[tokio::test]
    async fn json_food_is_parsed_with_or_without_upload_id() {
        let body = r#"{"title":"Suya","description":"Hot","image_id":"an id","user_id":"x"}"#;
        for content_type in
            ["application/json", "Application/JSON; charset=utf-8", " application/json ;x"]
        {
            let expected = FoodInput {
                title: "Suya".to_owned(),
                description: "Hot".to_owned(),
                image: ImageSource::Upload("an id".to_owned()),
            };
            assert_eq!(parsed(content_type, body).await, Ok(expected));
        }
        for empty in ["{}", r#"{"title":null,"description":null,"image_id":null}"#] {
            let parsed = parsed("application/json", empty).await;
            assert_eq!(parsed, Ok(FoodInput::default()));
        }
    }

    #[tokio::test]
    async fn invalid_food_json_is_422_and_other_content_type_is_415() {
        for body in ["", "[]", r#"{"title":1}"#, r#"{"image_id":{}}"#] {
            assert_eq!(parsed("application/json", body).await, Err(422), "{body}");
        }
        for content_type in [
            "",
            "text/plain",
            "application/jsonx",
            "application/merge-patch+json",
            "application/x-www-form-urlencoded",
        ] {
            assert_eq!(parsed(content_type, "{}").await, Err(415), "{content_type}");
        }
        assert_eq!(parsed("multipart/form-data", "{}").await, Err(400));
    }

    #[test]
    fn idempotency_distinguishes_image_file_from_upload_id() {
        let with = |image| FoodInput { image, ..FoodInput::default() };
        let file = with(ImageSource::Inline(Bytes::from_static(b"x")));
        let upload = with(ImageSource::Upload("x".to_owned()));
        assert_ne!(content(&file), content(&upload));
    }
}
