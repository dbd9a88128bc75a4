//! Paging: parses `?limit=` and `?cursor=`, and writes `Link: <…>; rel="next"` (RFC 8288).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::clock::Timestamp;
use domain::id::{FoodId, SessionId, UserId};
use domain::like::LikePosition;
use domain::page::{Page, PageRequest, PageSize};
use http::header::{AUTHORIZATION, HOST, LINK};
use http::{HeaderName, HeaderValue, Request as HttpRequest};
use lambda_http::Request;
use serde::Serialize;

use crate::error::ApiError;
use crate::http::response::Response;
use crate::http::{request, response};

/// How long caches may return a page that they got without `Authorization`.
const ANONYMOUS_PAGE: &str = "public, max-age=5";

/// A position after which a page can start. A cursor consists of the tag of its kind and the position, so that a list of
/// users rejects a cursor of foods. All lists of foods by age have the same kind.
pub trait Cursor: Copy {
    /// The first byte of every cursor of this kind.
    const TAG: u8;

    /// The number of bytes of a position.
    const BYTES: usize;

    /// Returns the bytes of the position.
    fn bytes(&self) -> Vec<u8>;

    /// Creates the position from its bytes. `None` if they are no position.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;

    /// Encodes the cursor as base64url.
    fn encode(&self) -> String {
        let mut cursor = vec![Self::TAG];
        cursor.extend(self.bytes());
        URL_SAFE_NO_PAD.encode(cursor)
    }

    /// Decodes a cursor. `None` if it is malformed or of another kind.
    fn decode(raw: &str) -> Option<Self> {
        let cursor = URL_SAFE_NO_PAD.decode(raw).ok()?;
        let (tag, position) = cursor.split_first()?;
        if *tag == Self::TAG { Self::from_bytes(position) } else { None }
    }
}

macro_rules! impl_cursor {
    ($id:ty, $tag:literal) => {
        impl Cursor for $id {
            const TAG: u8 = $tag;
            const BYTES: usize = 16;
            fn bytes(&self) -> Vec<u8> {
                self.as_bytes().to_vec()
            }
            fn from_bytes(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self::from_bytes)
            }
        }
    };
}

impl_cursor!(UserId, b'u');
impl_cursor!(FoodId, b'f');
impl_cursor!(SessionId, b's');

/// The time in milliseconds, as 6 bytes in big-endian order, and the id of the food.
impl Cursor for LikePosition {
    const TAG: u8 = b'l';
    const BYTES: usize = 6 + 16;

    fn bytes(&self) -> Vec<u8> {
        let millis = self.liked_at.unix_millis().to_be_bytes();
        [&millis[2..], self.food.as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (millis, food) = bytes.split_at_checked(6)?;
        let millis = millis.iter().fold(0, |all, byte| (all << 8) | i64::from(*byte));
        // Six bytes reach a little further than timestamps; a page after a later time starts with the newest like.
        let liked_at = Timestamp::UNIX_EPOCH.plus(Duration::from_millis(millis.unsigned_abs()));
        Some(Self { liked_at, food: FoodId::from_bytes(food.try_into().ok()?) })
    }
}

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
    let last = page.items.last().filter(|_| page.more);
    respond_with(request, page_request.size, &bodies, last.map(id))
}

/// Like [`respond`], with the position after which the next page starts.
pub(crate) fn respond_with<Id: Cursor>(
    request: &Request,
    size: PageSize,
    bodies: &[impl Serialize],
    next: Option<Id>,
) -> Response {
    let mut response = response::ok(&bodies);
    if let Some(next) = next {
        response.headers.insert(LINK, next_link(request, size, &next.encode()));
    }
    let is_private = request.headers().contains_key(AUTHORIZATION);
    response.cached_per_caller(is_private, ANONYMOUS_PAGE)
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
    use http::header::{CACHE_CONTROL, VARY};
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
        fn page_cursor_is_accepted_only_as_its_kind(bytes: [u8; 16]) {
            let food = FoodId::from_bytes(bytes);
            prop_assert_eq!(FoodId::decode(&food.encode()), Some(food));
            prop_assert_eq!(UserId::decode(&food.encode()), None);
        }

        #[test]
        fn like_cursor_has_time_and_food(bytes: [u8; 16], millis in 0..=253_402_300_799_999_i64) {
            let liked_at = Timestamp::from_unix_millis(millis).unwrap();
            let position = LikePosition { liked_at, food: FoodId::from_bytes(bytes) };
            prop_assert_eq!(LikePosition::decode(&position.encode()), Some(position));
            prop_assert_eq!(FoodId::decode(&position.encode()), None);
        }

        #[test]
        fn any_bytes_after_the_tag_are_a_like_cursor(bytes: [u8; 22]) {
            let cursor = URL_SAFE_NO_PAD.encode([&b"l"[..], &bytes].concat());
            prop_assert!(LikePosition::decode(&cursor).is_some());
            prop_assert_eq!(LikePosition::decode(&cursor[..28]), None);
        }
    }
}
