//! Paging: parses `?limit=` and `?cursor=`, and writes `Link: <…>; rel="next"` (RFC 8288).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::{FoodId, SessionId, UserId};
use domain::page::{Page, PageRequest, PageSize};
use http::header::{AUTHORIZATION, CACHE_CONTROL, HOST, LINK, VARY};
use http::{HeaderName, HeaderValue, Request as HttpRequest};
use lambda_http::Request;
use serde::Serialize;

use crate::error::ApiError;
use crate::http::response::Response;
use crate::http::{request, response};

/// How long caches may return a page that they got without `Authorization`.
const ANONYMOUS_PAGE: &str = "public, max-age=5";
/// A signed-in caller sees what it just created.
const PRIVATE_PAGE: &str = "private, no-cache";

/// An id after which a page can start. A cursor consists of the list's tag and the id, so that a list rejects the
/// cursors of another list.
pub trait Cursor: Copy {
    /// The first byte of every cursor of the list.
    const TAG: u8;

    /// Returns the bytes of the id.
    fn bytes(&self) -> [u8; 16];

    /// Creates the id from its bytes.
    fn from_bytes(bytes: [u8; 16]) -> Self;

    /// Encodes the cursor as base64url.
    fn encode(&self) -> String {
        let mut cursor = [Self::TAG; 17];
        cursor[1..].copy_from_slice(&self.bytes());
        URL_SAFE_NO_PAD.encode(cursor)
    }

    /// Decodes a cursor. `None` if it is malformed or belongs to another list.
    fn decode(raw: &str) -> Option<Self> {
        let cursor = URL_SAFE_NO_PAD.decode(raw).ok()?;
        let (tag, id) = cursor.split_first()?;
        let id = id.try_into().ok()?;
        (*tag == Self::TAG).then(|| Self::from_bytes(id))
    }
}

macro_rules! impl_cursor {
    ($id:ty, $tag:literal) => {
        impl Cursor for $id {
            const TAG: u8 = $tag;
            fn bytes(&self) -> [u8; 16] {
                *self.as_bytes()
            }
            fn from_bytes(bytes: [u8; 16]) -> Self {
                Self::from_bytes(bytes)
            }
        }
    };
}

impl_cursor!(UserId, b'u');
impl_cursor!(FoodId, b'f');
impl_cursor!(SessionId, b's');

/// Parses the query parameters `limit` and `cursor`.
pub fn parse<Id: Cursor>(request: &Request) -> Result<PageRequest<Id>, ApiError> {
    let size = match request::query(request, "limit") {
        None => PageSize::default(),
        Some(raw) => PageSize::parse(&raw)?,
    };
    let after = match request::query(request, "cursor") {
        None => None,
        Some(raw) => Some(Id::decode(&raw).ok_or_else(ApiError::invalid_cursor)?),
    };
    Ok(PageRequest { after, size })
}

/// Returns a 200 with a JSON array, and a `Link` if there is a next page. Caches may store it for a few seconds if the
/// request is anonymous.
pub(crate) fn respond<'page, Id: Cursor, T, B: Serialize>(
    request: &Request,
    page_request: PageRequest<Id>,
    page: &'page Page<T>,
    id: impl Fn(&T) -> Id,
    body: impl Fn(&'page T) -> B,
) -> Response {
    let bodies: Vec<B> = page.items.iter().map(body).collect();
    let mut response = response::ok(&bodies);
    if let (true, Some(last)) = (page.more, page.items.last()) {
        let next = next_link(request, page_request.size, &id(last).encode());
        response.headers.insert(LINK, next);
    }
    let is_anonymous = !request.headers().contains_key(AUTHORIZATION);
    let cached = if is_anonymous { ANONYMOUS_PAGE } else { PRIVATE_PAGE };
    response.headers.insert(CACHE_CONTROL, HeaderValue::from_static(cached));
    response.headers.insert(VARY, HeaderValue::from_static("authorization"));
    response
}

/// Returns the `Link` of the next page: absolute if the request has a host, else relative.
pub(crate) fn next_link<B>(request: &HttpRequest<B>, size: PageSize, cursor: &str) -> HeaderValue {
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
    fn next_page_link_has_the_requested_host() {
        assert_eq!(
            link(&[("host", "api.example.com"), ("x-forwarded-proto", "https")]),
            "<https://api.example.com/food?limit=3&cursor=abc>; rel=\"next\""
        );
        for invalid in [
            &[("host", "api.example.com")][..],
            &[("host", "a>b"), ("x-forwarded-proto", "https")],
            &[("host", "a.example"), ("x-forwarded-proto", "javascript")],
        ] {
            assert_eq!(link(invalid), "<?limit=3&cursor=abc>; rel=\"next\"");
        }
    }

    #[test]
    fn only_anonymous_pages_are_cached_publicly() {
        let page = Page { items: vec![FoodId::from_bytes([7; 16])], more: true };
        let page_request = PageRequest { after: None, size: PageSize::default() };
        for (authorization, expected) in [
            (None, "public, max-age=5"),
            (Some("Bearer a.b.c"), "private, no-cache"),
            (Some(""), "private, no-cache"),
        ] {
            let mut request = Request::new(lambda_http::Body::Empty);
            if let Some(value) = authorization {
                request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static(value));
            }
            let response = respond(&request, page_request, &page, |id| *id, ToString::to_string);
            assert_eq!(response.headers[CACHE_CONTROL], expected);
            assert_eq!(response.headers[VARY], "authorization");
        }
    }

    #[test]
    fn malformed_page_cursor_is_rejected() {
        let padded = format!("{}=", FoodId::from_bytes([7; 16]).encode());
        for cursor in ["", "f", "AAAA", "!!!!", &"A".repeat(1_000), &padded] {
            assert_eq!(FoodId::decode(cursor), None, "{cursor}");
        }
    }

    proptest! {
        #[test]
        fn page_cursor_is_accepted_only_by_its_own_list(bytes: [u8; 16]) {
            let food = FoodId::from_bytes(bytes);
            prop_assert_eq!(FoodId::decode(&food.encode()), Some(food));
            prop_assert_eq!(UserId::decode(&food.encode()), None);
        }
    }
}
