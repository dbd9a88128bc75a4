//! Paging: `?limit=` and `?cursor=` in, `Link: <…>; rel="next"` out (RFC 8288).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::{FoodId, UserId};
use domain::page::{Page, PageRequest, PageSize};
use http::header::{HOST, LINK};
use http::{HeaderName, HeaderValue, Request as HttpRequest, StatusCode};
use lambda_http::Request;
use serde::Serialize;

use crate::error::ApiError;
use crate::request;
use crate::response::Reply;

/// A Lambda answer holds 6 MB (AWS Lambda quotas, "synchronous invocation payload"), and the body
/// is a text inside its JSON: this much of it leaves room for headers.
const MAX_ANSWER_BYTES: usize = 5_000_000;

/// An id that says where in a list one is. A cursor is the id with a tag of its list, so that one
/// list refuses the cursor of another.
pub trait Cursor: Copy {
    /// Which list it is.
    const TAG: u8;

    /// The bytes of the id.
    fn bytes(&self) -> [u8; 16];

    /// The id with these bytes.
    fn from_bytes(bytes: [u8; 16]) -> Self;

    /// As it stands in a link.
    fn write(&self) -> String {
        let mut cursor = [Self::TAG; 17];
        cursor[1..].copy_from_slice(&self.bytes());
        URL_SAFE_NO_PAD.encode(cursor)
    }

    /// `None` for what this list has not given out.
    fn read(raw: &str) -> Option<Self> {
        let cursor: [u8; 17] = URL_SAFE_NO_PAD.decode(raw).ok()?.try_into().ok()?;
        let (tag, id) = cursor.split_first()?;
        (*tag == Self::TAG).then(|| Some(Self::from_bytes(id.try_into().ok()?)))?
    }
}

impl Cursor for UserId {
    const TAG: u8 = b'u';
    fn bytes(&self) -> [u8; 16] {
        *self.as_bytes()
    }
    fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_bytes(bytes)
    }
}

impl Cursor for FoodId {
    const TAG: u8 = b'f';
    fn bytes(&self) -> [u8; 16] {
        *self.as_bytes()
    }
    fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_bytes(bytes)
    }
}

/// Which part of the list is asked for.
pub fn parse<Id: Cursor>(request: &Request) -> Result<PageRequest<Id>, ApiError> {
    let size = match request::query(request, "limit") {
        None => PageSize::default(),
        Some(raw) => PageSize::parse(&raw)?,
    };
    let after = match request::query(request, "cursor") {
        None => None,
        Some(raw) => Some(Id::read(&raw).ok_or_else(ApiError::foreign_cursor)?),
    };
    Ok(PageRequest { after, size })
}

/// 200 with an array, and a `Link` where more follows. Ends early where the answer would grow too
/// large.
pub(crate) fn reply<'page, Id: Cursor, T, B: Serialize>(
    request: &Request,
    asked: PageRequest<Id>,
    page: &'page Page<T>,
    id: impl Fn(&T) -> Id,
    body: impl Fn(&'page T) -> B,
) -> Reply {
    let mut answer = vec![b'['];
    let mut size = 0;
    let mut last = None;
    let mut more = page.more;
    for item in &page.items {
        let before = answer.len();
        if last.is_some() {
            answer.push(b',');
        }
        serde_json::to_writer(&mut answer, &body(item)).expect("our bodies have text keys");
        size += size_inside_json(&answer[before..]);
        if size > MAX_ANSWER_BYTES && last.is_some() {
            answer.truncate(before);
            more = true;
            break;
        }
        last = Some(id(item));
    }
    answer.push(b']');
    let answer = String::from_utf8(answer).expect("JSON is UTF-8");
    let mut reply = Reply::json(StatusCode::OK, "application/json", answer);
    if let (true, Some(last)) = (more, last) {
        let next = next_link(request, asked.size, &last.write());
        reply.headers.insert(LINK, next);
    }
    reply
}

/// How many bytes a text without control characters takes as a JSON string.
fn size_inside_json(text: &[u8]) -> usize {
    let escaped = text.iter().filter(|byte| matches!(byte, b'"' | b'\\'));
    text.len() + escaped.count()
}

/// Absolute where the request says under which host it came, else relative to it.
fn next_link<B>(request: &HttpRequest<B>, size: PageSize, cursor: &str) -> HeaderValue {
    let header = |name: HeaderName| request.headers().get(name)?.to_str().ok();
    let path = request.uri().path();
    let query = format!("limit={}&cursor={cursor}", size.get());
    let absolute = || {
        let scheme = header(HeaderName::from_static("x-forwarded-proto"))
            .filter(|scheme| matches!(*scheme, "http" | "https"))?;
        http::Uri::builder()
            .scheme(scheme)
            .authority(header(HOST)?)
            .path_and_query(format!("{path}?{query}"))
            .build()
            .ok()
    };
    let target = absolute().map_or_else(|| format!("?{query}"), |uri| uri.to_string());
    HeaderValue::try_from(format!("<{target}>; rel=\"next\""))
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_is_read_by_its_own_list_only() {
        let id = FoodId::from_bytes([7; 16]);
        assert_eq!(FoodId::read(&id.write()), Some(id));
        assert_eq!(UserId::read(&id.write()), None);
        for forged in [
            "",
            "f",
            "AAAA",
            "!!!!",
            &"A".repeat(1_000),
            &format!("{}=", id.write()),
        ] {
            assert_eq!(FoodId::read(forged), None, "{forged}");
        }
    }

    fn link(headers: &[(&str, &str)]) -> String {
        let mut request = HttpRequest::builder().uri("/food?limit=3");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let size = PageSize::parse("3").unwrap();
        let link = next_link(&request.body(()).unwrap(), size, "abc");
        link.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_next_page_is_linked_under_the_host_that_was_asked() {
        assert_eq!(
            link(&[("host", "api.example.com"), ("x-forwarded-proto", "https")]),
            "<https://api.example.com/food?limit=3&cursor=abc>; rel=\"next\""
        );
        for odd in [
            &[("host", "api.example.com")][..],
            &[("host", "a b"), ("x-forwarded-proto", "https")],
            &[("host", "a>b"), ("x-forwarded-proto", "https")],
            &[("host", "a.example"), ("x-forwarded-proto", "javascript")],
        ] {
            assert_eq!(link(odd), "<?limit=3&cursor=abc>; rel=\"next\"");
        }
    }

    #[test]
    fn a_part_ends_before_its_answer_grows_too_large() {
        let id = FoodId::from_bytes([7; 16]);
        let asked = PageRequest {
            after: None,
            size: PageSize::default(),
        };
        let text = "\"".repeat(500_000);
        let page = Page {
            items: vec![text; 5],
            more: false,
        };
        let request = Request::new(lambda_http::Body::Empty);
        let reply = reply(&request, asked, &page, |_| id, |item| item);
        // A quote is two bytes in the body, and four in the text of the answer's JSON.
        let items: Vec<String> = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(items.len(), 2);
        assert!(reply.headers.contains_key(LINK));
        let answer = serde_json::to_string(&reply.body).unwrap();
        assert!(answer.len() < 5_000_100);
    }

    proptest! {
        #[test]
        fn a_cursor_survives_being_written_and_read(bytes: [u8; 16]) {
            let (food, user) = (FoodId::from_bytes(bytes), UserId::from_bytes(bytes));
            prop_assert_eq!(FoodId::read(&food.write()), Some(food));
            prop_assert_eq!(UserId::read(&user.write()), Some(user));
            prop_assert_eq!(UserId::read(&food.write()), None);
        }
    }
}
