//! Fuzz target for the multipart form of `POST /food` and `PUT /food/{food_id}`.

use std::collections::BTreeMap;

use functions::http::multipart::FoodForm;
use futures_util::{future, stream};
use http::header::{CONTENT_TYPE, HeaderValue};
use lambda_http::{Body, Request};
use multer::Multipart;
use tokio::runtime::Builder;

/// Checks that a form accepted by `FoodForm` has the same fields when the crate `multer` parses it. The input is a
/// `Content-Type`, a line break and the body.
pub fn form(input: &[u8]) {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let content_type = parts.next().unwrap_or_default();
    let body = parts.next().unwrap_or_default();
    let Ok(content_type) = HeaderValue::from_bytes(content_type) else {
        return;
    };
    let boundary = content_type.to_str().ok();
    let boundary = boundary.and_then(|value| multer::parse_boundary(value).ok());
    let mut request = Request::new(Body::Binary(body.to_vec()));
    request.headers_mut().insert(CONTENT_TYPE, content_type);
    let Ok(form) = runtime.block_on(FoodForm::parse(&mut request)) else {
        return;
    };
    let boundary = boundary.expect("FoodForm rejects forms without a boundary");
    let fields = runtime.block_on(fields(body, boundary));
    let fields = fields.expect("FoodForm rejects forms that multer rejects");
    let text = |name: &str| match fields.get(name).map(|(_, content)| content.as_slice()) {
        None | Some(b"null") => Vec::new(),
        Some(content) => content.to_vec(),
    };
    assert_eq!(form.title.as_bytes(), text("title"));
    assert_eq!(form.description.as_bytes(), text("description"));
    let image = match fields.get("food_image") {
        None | Some((None, _)) => None,
        Some((Some(name), content)) if name.is_empty() && content.is_empty() => None,
        Some((Some(_), content)) => Some(content.as_slice()),
    };
    assert_eq!(form.image.as_deref(), image);
}

type Fields = BTreeMap<String, (Option<String>, Vec<u8>)>;

/// Parses a form with `multer`. Returns file name and content of the first field of each name.
async fn fields(body: &[u8], boundary: String) -> Result<Fields, multer::Error> {
    let body = stream::once(future::ready(Ok::<_, multer::Error>(body.to_vec())));
    let mut parts = Multipart::new(body, boundary);
    let mut fields = Fields::new();
    while let Some(part) = parts.next_field().await? {
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(str::to_owned);
        let content = part.bytes().await?.to_vec();
        fields.entry(name).or_insert((file_name, content));
    }
    Ok(fields)
}
