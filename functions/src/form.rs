//! The form that POST and PUT /food send: `title`, `description` and a file `food_image`.

use bytes::Bytes;
use futures_util::{future, stream};
use http::header::CONTENT_TYPE;
use lambda_http::{Body, Request};
use multer::{Field, Multipart};

use crate::error::ApiError;

/// What the form says. A field that is missing is empty.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct FoodForm {
    pub(crate) title: String,
    pub(crate) description: String,
    /// `None` also where the field is plain text: the old client sends the word `undefined`.
    pub(crate) image: Option<Bytes>,
}

impl FoodForm {
    /// Takes the body out of the request: a picture is not copied more often than it must.
    pub(crate) async fn parse(request: &mut Request) -> Result<Self, ApiError> {
        let boundary = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| multer::parse_boundary(value).ok())
            .ok_or_else(|| {
                ApiError::invalid_request(
                    "the body should be multipart/form-data, and its Content-Type name a boundary",
                )
            })?;
        let body = match std::mem::take(request.body_mut()) {
            Body::Text(text) => Bytes::from(text),
            Body::Binary(bytes) => Bytes::from(bytes),
            _ => Bytes::new(),
        };
        let body = stream::once(future::ready(Ok::<_, multer::Error>(body)));
        let mut parts = Multipart::new(body, boundary);
        let (mut title, mut description, mut image) = (None, None, None);
        while let Some(part) = parts.next_field().await.map_err(|_| unreadable())? {
            // The first of several fields with one name counts.
            match part.name() {
                Some("title") if title.is_none() => title = Some(text(part).await?),
                Some("description") if description.is_none() => {
                    description = Some(text(part).await?);
                }
                Some("food_image") if image.is_none() => image = Some(file(part).await?),
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

fn unreadable() -> ApiError {
    ApiError::invalid_request("the form cannot be read to its end")
}

/// The old client sends the word `null` for a text that nobody typed.
async fn text(part: Field<'_>) -> Result<String, ApiError> {
    let bytes = part.bytes().await.map_err(|_| unreadable())?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| ApiError::invalid_request("the form should be UTF-8"))?;
    Ok(match text {
        "null" => String::new(),
        text => text.to_owned(),
    })
}

/// `None` for a text, and for the nameless empty file that a browser sends when none was chosen.
async fn file(part: Field<'_>) -> Result<Option<Bytes>, ApiError> {
    let name = part.file_name().map(str::to_owned);
    let bytes = part.bytes().await.map_err(|_| unreadable())?;
    Ok(match name.as_deref() {
        None => None,
        Some("") if bytes.is_empty() => None,
        Some(_) => Some(bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn parse(content_type: &str, body: impl Into<Body>) -> Result<FoodForm, u16> {
        let mut request = http::Request::builder()
            .header(CONTENT_TYPE, content_type)
            .body(body.into())
            .unwrap();
        FoodForm::parse(&mut request)
            .await
            .map_err(|error| error.into_reply().status.as_u16())
    }

    fn part(disposition: &str, value: &str) -> String {
        format!("--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
    }

    const FORM: &str = "multipart/form-data; boundary=x";

    #[tokio::test]
    async fn fields_and_file_are_read() {
        let body = part("name=\"title\"", "Söup 🍲")
            + &part("name=\"description\"", "<p>Hot</p>")
            + &part("name=\"food_image\"; filename=\"soup.jpg\"", "bytes")
            + &part("name=\"user_id\"", "somebody else")
            + "--x--\r\n";
        let form = parse(FORM, body).await.unwrap();
        assert_eq!(form.title, "Söup 🍲");
        assert_eq!(form.description, "<p>Hot</p>");
        assert_eq!(form.image, Some(Bytes::from_static(b"bytes")));
    }

    #[tokio::test]
    async fn words_of_the_old_client_are_nothing() {
        let body = part("name=\"title\"", "null")
            + &part("name=\"description\"", "null")
            + &part("name=\"food_image\"", "undefined")
            + "--x--\r\n";
        assert_eq!(parse(FORM, body).await, Ok(FoodForm::default()));
        let none_chosen = part("name=\"food_image\"; filename=\"\"", "") + "--x--\r\n";
        assert_eq!(parse(FORM, none_chosen).await, Ok(FoodForm::default()));
    }

    #[tokio::test]
    async fn an_empty_file_is_a_file_and_the_first_field_counts() {
        let body = part("name=\"title\"", "first")
            + &part("name=\"title\"", "second")
            + &part("name=\"food_image\"; filename=\"a.jpg\"", "")
            + &part("name=\"food_image\"; filename=\"b.jpg\"", "b")
            + "--x--\r\n";
        let form = parse(FORM, body).await.unwrap();
        assert_eq!(form.title, "first");
        assert_eq!(form.image, Some(Bytes::new()));
    }

    #[tokio::test]
    async fn what_is_no_form_is_a_400() {
        let open = part("name=\"title\"", "Soup");
        for (content_type, body) in [
            ("application/json", "{}"),
            ("multipart/form-data", open.as_str()),
            ("multipart/form-data; boundary=", open.as_str()),
            ("multipart/mixed; boundary=x", open.as_str()),
            ("", open.as_str()),
            (FORM, open.as_str()),
            (
                FORM,
                "--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nSoup",
            ),
            (FORM, "--y--\r\n"),
            (FORM, ""),
        ] {
            assert_eq!(
                parse(content_type, body).await,
                Err(400),
                "{content_type} {body}"
            );
        }
        let latin1 = b"--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n\xe9\r\n--x--";
        assert_eq!(parse(FORM, latin1.to_vec()).await, Err(400));
    }
}
