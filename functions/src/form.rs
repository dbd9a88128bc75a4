//! The form that POST and PUT /food send: `title`, `description` and a file `food_image`.

use std::ops::Range;

use bytes::Bytes;
use futures_util::{future, stream};
use http::header::CONTENT_TYPE;
use lambda_http::{Body, Request};
use memchr::memmem;
use multer::Multipart;

use crate::error::ApiError;

/// What the form says. A field that is missing is empty.
#[derive(Debug, Default, PartialEq)]
pub struct FoodForm {
    /// What the food is called.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// The picture's file.
    ///
    /// `None` also where the field is plain text: the old client sends the word `undefined`.
    pub image: Option<Bytes>,
}

impl FoodForm {
    /// Takes the body out of the request: the picture is a slice of it.
    pub async fn parse(request: &mut Request) -> Result<Self, ApiError> {
        let boundary = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| multer::parse_boundary(value).ok())
            .ok_or_else(no_form)?;
        let body = match std::mem::take(request.body_mut()) {
            Body::Text(text) => Bytes::from(text),
            Body::Binary(bytes) => Bytes::from(bytes),
            _ => Bytes::new(),
        };
        let (frame, contents) = split(&body, &boundary);
        let frame = stream::once(future::ready(Ok::<_, multer::Error>(frame)));
        let mut parts = Multipart::new(frame, boundary);
        let (mut title, mut description, mut image) = (None, None, None);
        while let Some(part) = parts.next_field().await.map_err(|_| unreadable())? {
            let content = contents.get(part.index()).ok_or_else(unreadable)?;
            let content = body.slice(content.clone());
            // The first of several fields with one name counts.
            match part.name() {
                Some("title") if title.is_none() => title = Some(text(&content)?),
                Some("description") if description.is_none() => {
                    description = Some(text(&content)?);
                }
                Some("food_image") if image.is_none() => {
                    let media_type = part.content_type().map(|is| is.type_().as_str());
                    image = Some(file(part.file_name(), media_type, content));
                }
                _ => {}
            }
            // Its content was left out. Where there is some, `split` read the form otherwise.
            let rest = part.bytes().await.map_err(|_| unreadable())?;
            if !rest.is_empty() {
                return Err(unreadable());
            }
        }
        Ok(Self {
            title: title.unwrap_or_default(),
            description: description.unwrap_or_default(),
            image: image.flatten(),
        })
    }
}

/// It does not say that it is a form, or not which.
pub(crate) fn no_form() -> ApiError {
    ApiError::invalid_request(
        "the body should be multipart/form-data, and its Content-Type name a boundary",
    )
}

fn unreadable() -> ApiError {
    ApiError::invalid_request("the form cannot be read to its end")
}

/// Parts the form from what it carries: the form as it would be with nothing in its fields, and where
/// in the body the content of each is. `multer` copies what it is given; the first alone lets it read
/// everything but the contents, and those are slices of the body.
fn split(body: &[u8], boundary: &str) -> (Vec<u8>, Vec<Range<usize>>) {
    let delimiter = format!("\r\n--{boundary}");
    let find = |from: usize, what: &str| {
        let found = memmem::find(&body[from..], what.as_bytes());
        found.map(|at| from + at)
    };
    let (mut frame, mut contents) = (Vec::new(), Vec::new());
    // Before the first delimiter there may be anything.
    let mut at = find(0, &delimiter[2..]).unwrap_or_default();
    while let Some(end_of_head) = find(at, "\r\n\r\n") {
        let start = end_of_head + 4;
        frame.extend_from_slice(&body[at..start]);
        let Some(end) = find(start, &delimiter) else {
            // A field without an end, or what stands behind the form.
            return (frame, contents);
        };
        contents.push(start..end);
        at = end;
    }
    frame.extend_from_slice(&body[at..]);
    (frame, contents)
}

/// The old client sends the word `null` for a text that nobody typed.
fn text(content: &[u8]) -> Result<String, ApiError> {
    let text = std::str::from_utf8(content)
        .map_err(|_| ApiError::invalid_request("the form should be UTF-8"))?;
    Ok(match text {
        "null" => String::new(),
        text => text.to_owned(),
    })
}

/// `None` for a text, and for the nameless empty file that a browser sends when none was chosen. A file need not have a name
/// (RFC 7578, section 4.2), but then something else than text is what it says it is.
fn file(name: Option<&str>, media_type: Option<&str>, content: Bytes) -> Option<Bytes> {
    match name {
        None if matches!(media_type, None | Some("text")) => None,
        Some("") if content.is_empty() => None,
        _ => Some(content),
    }
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
    async fn a_picture_is_not_copied() {
        let body = part("name=\"food_image\"; filename=\"a.jpg\"", "picture") + "--x--\r\n";
        let body = body.into_bytes();
        let all = body.as_ptr_range();
        let image = parse(FORM, body).await.unwrap().image.unwrap();
        let slice = image.as_ptr_range();
        assert!(all.contains(&slice.start) && all.contains(&slice.end));
    }

    #[tokio::test]
    async fn what_looks_like_a_part_of_the_form_may_be_in_a_field_and_around_the_form() {
        let odd = "--x\r\n\r\n-x--\r\n\n--x--\r\n-- x\r\n\r\n";
        let body = "before\r\n\r\n".to_owned()
            + &part("name=\"food_image\"; filename=\"a.jpg\"", odd)
            + &part("name=\"title\"", "")
            + "--x  \r\nContent-Disposition: form-data; name=\"description\"\r\n\r\n\r\n\r\nText"
            + "\r\n--x--\r\nafter\r\n\r\nit\r\n--x\r\n\r\n";
        let form = parse(FORM, body).await.unwrap();
        assert_eq!(form.image, Some(Bytes::from_static(odd.as_bytes())));
        assert_eq!(form.title, "");
        assert_eq!(form.description, "\r\n\r\nText");
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
    async fn a_file_without_a_name_says_by_its_type_that_it_is_one() {
        for (media_type, is_file) in [
            ("image/png", true),
            ("application/octet-stream", true),
            ("text/plain", false),
            ("text/plain; charset=utf-8", false),
        ] {
            let head = format!("name=\"food_image\"\r\ncontent-type: {media_type}");
            let body = part(&head, "undefined") + "--x--\r\n";
            let form = parse("multipart/form-data; boundary=x", body).await;
            assert_eq!(form.unwrap().image.is_some(), is_file, "{media_type}");
        }
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
            (
                FORM,
                "--x\r\n\r\ncontent\r\n--x\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n\
                 Soup\r\n--x--",
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
