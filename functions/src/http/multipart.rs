//! Parses the multipart form of POST and PUT /food: `title`, `description` and the file `food_image`.

use bytes::Bytes;
use futures_util::{future, stream};
use http::header::CONTENT_TYPE;
use lambda_http::{Body, Request};
use multer::{Field, Multipart};

use crate::error::ApiError;

/// The fields of the form. A missing text field is an empty string.
#[derive(Debug, Default, PartialEq)]
pub struct FoodForm {
    /// The food's title.
    pub title: String,
    /// The food's description.
    pub description: String,
    /// The image file. `None` if the field is missing or plain text: the old client sends the word `undefined`.
    pub image: Option<Bytes>,
}

impl FoodForm {
    /// Takes the body out of the request and parses it as a form.
    pub async fn parse(request: &mut Request) -> Result<Self, ApiError> {
        let boundary = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| multer::parse_boundary(value).ok())
            .ok_or_else(not_a_form)?;
        let body = match std::mem::take(request.body_mut()) {
            Body::Text(text) => Bytes::from(text),
            Body::Binary(bytes) => Bytes::from(bytes),
            _ => Bytes::new(),
        };
        let body = stream::once(future::ready(Ok::<_, multer::Error>(body)));
        let mut fields = Multipart::new(body, boundary);
        let (mut title, mut description, mut image) = (None, None, None);
        while let Some(field) = fields.next_field().await.map_err(malformed)? {
            // Of several fields with one name, the first counts.
            match field.name() {
                Some("title") if title.is_none() => title = Some(text(field).await?),
                Some("description") if description.is_none() => {
                    description = Some(text(field).await?);
                }
                Some("food_image") if image.is_none() => image = Some(file(field).await?),
                _ => {}
            }
        }
        Ok(Self {
            title: title.unwrap_or_default(),
            description: description.unwrap_or_default(),
            image: image.flatten(),
        })
    }
}

/// Creates the 400 for a content type that is not `multipart/form-data` with a boundary.
pub(crate) fn not_a_form() -> ApiError {
    ApiError::invalid_request(
        "the body should be multipart/form-data with a boundary in its Content-Type",
    )
}

fn malformed(_: multer::Error) -> ApiError {
    ApiError::invalid_request("the form is malformed or incomplete")
}

/// Reads a text field. The word `null` counts as empty, because the old client sends it.
async fn text(field: Field<'_>) -> Result<String, ApiError> {
    let content = field.bytes().await.map_err(malformed)?;
    match String::from_utf8(content.into()) {
        Ok(text) if text == "null" => Ok(String::new()),
        Ok(text) => Ok(text),
        Err(_) => Err(ApiError::invalid_request("form texts should be UTF-8")),
    }
}

/// Reads a file field. `None` for a text field, and for the empty file without a name that a browser sends if no
/// file is selected. The name is optional (RFC 7578, section 4.2) if the content type is not text.
async fn file(field: Field<'_>) -> Result<Option<Bytes>, ApiError> {
    let is_text = field.content_type().is_none_or(|kind| kind.type_() == "text");
    let name = field.file_name().map(str::to_owned);
    let content = field.bytes().await.map_err(malformed)?;
    Ok(match name.as_deref() {
        None if is_text => None,
        Some("") if content.is_empty() => None,
        _ => Some(content),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "multipart/form-data; boundary=x";

    async fn parse(content_type: &str, body: impl Into<Body>) -> Result<FoodForm, u16> {
        let request = http::Request::builder().header(CONTENT_TYPE, content_type);
        let mut request = request.body(body.into()).unwrap();
        let form = FoodForm::parse(&mut request).await;
        form.map_err(|error| error.status().as_u16())
    }

    /// Encodes a multipart form. Each field is given as its parameters, after `form-data; `, and its content.
    fn form(fields: &[(&str, &str)]) -> String {
        let field = |(parameters, content): &(&str, &str)| {
            format!("--x\r\nContent-Disposition: form-data; {parameters}\r\n\r\n{content}\r\n")
        };
        fields.iter().map(field).collect::<String>() + "--x--\r\n"
    }

    #[tokio::test]
    async fn food_form_texts_and_image_file_are_parsed() {
        let boundary_like = "--x\r\n\r\n-x--\r\n\n--x--\r\n-- x\r\n\r\n";
        let body = form(&[
            ("name=\"title\"", "Söup 🍲"),
            ("name=\"title\"", "second"),
            ("name=\"description\"", "\r\n\r\nText"),
            ("name=\"food_image\"; filename=\"soup.jpg\"", boundary_like),
            ("name=\"food_image\"; filename=\"b.jpg\"", "b"),
            ("name=\"user_id\"", "another user"),
        ]);
        let expected = FoodForm {
            title: "Söup 🍲".to_owned(),
            description: "\r\n\r\nText".to_owned(),
            image: Some(Bytes::from_static(boundary_like.as_bytes())),
        };
        assert_eq!(parse(FORM, body).await, Ok(expected));
    }

    #[tokio::test]
    async fn form_text_null_is_empty_and_image_undefined_is_no_file() {
        for (image, content, file) in [
            ("; filename=\"a.jpg\"", "undefined", Some("undefined")),
            ("; filename=\"a.jpg\"", "", Some("")),
            ("\r\ncontent-type: image/png", "undefined", Some("undefined")),
            ("\r\ncontent-type: image/jpg", "undefined", Some("undefined")),
            ("\r\ncontent-type: text/plain", "undefined", None),
            ("; filename=\"\"", "", None),
            ("", "undefined", None),
        ] {
            let image = format!("name=\"food_image\"{image}");
            let (title, description) = ("name=\"title\"", "name=\"description\"");
            let body = form(&[(title, "null"), (description, "null"), (image.as_str(), content)]);
            let expected = FoodForm { image: file.map(Bytes::from), ..FoodForm::default() };
            assert_eq!(parse(FORM, body).await, Ok(expected), "{image}");
        }
    }

    #[tokio::test]
    async fn malformed_food_form_returns_400() {
        let form = form(&[("name=\"title\"", "Soup")]);
        for (content_type, body) in [
            ("application/json", "{}"),
            ("multipart/form-data", &form),
            ("multipart/form-data; boundary=", &form),
            ("multipart/mixed; boundary=x", &form),
            (FORM, form.trim_end_matches("--x--\r\n")),
            (FORM, "--y--\r\n"),
            (FORM, ""),
        ] {
            assert_eq!(parse(content_type, body).await, Err(400), "{body}");
        }
        let latin1 = b"--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n\xe9\r\n--x--";
        assert_eq!(parse(FORM, latin1.to_vec()).await, Err(400));
    }
}
