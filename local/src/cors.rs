//! Cross-origin requests, as the CORS configuration of API Gateway in `template.yaml` answers them.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{Method, Response, StatusCode};

const ALLOWED_METHODS: &str = "GET,POST,PUT,DELETE,OPTIONS";
const ALLOWED_HEADERS: &str = "authorization,cache-control,content-type,idempotency-key,if-match,\
                               if-none-match,traceparent,tracestate,x-requested-with";
const EXPOSED_HEADERS: &str = "link,etag,retry-after";
const MAX_AGE_SECONDS: &str = "7200";

/// Who may read answers from a page of another origin: the setting `ALLOWED_ORIGIN`.
#[derive(Debug)]
pub(crate) enum Cors {
    AnyOrigin,
    Origins(Vec<String>),
}

impl Cors {
    /// `*`, or origins with commas between them.
    pub(crate) fn parse(setting: &str) -> Self {
        let origins: Vec<_> = setting.split(',').map(str::trim).collect();
        if origins.contains(&"*") {
            return Self::AnyOrigin;
        }
        let given = origins.into_iter().filter(|origin| !origin.is_empty());
        Self::Origins(given.map(str::to_owned).collect())
    }

    /// The answer to a preflight request, for any path; `None` for every other request.
    pub(crate) fn preflight(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Option<Response<Bytes>> {
        let is_preflight = method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight {
            return None;
        }
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        if self.allowed(headers).is_some() {
            for (name, value) in [
                (ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS),
                (ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
                (ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS),
            ] {
                let headers = response.headers_mut();
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        Some(response)
    }

    /// Adds to any answer, errors included, what lets the page read it. What the function itself
    /// said about CORS is gone before: see [`is_reserved`].
    pub(crate) fn decorate(&self, request: &HeaderMap, response: &mut HeaderMap) {
        if let Some(origin) = self.allowed(request) {
            response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            response.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(EXPOSED_HEADERS),
            );
        }
        if let Self::Origins(_) = self {
            response.append(VARY, HeaderValue::from_static("origin"));
        }
    }

    fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(ORIGIN)?;
        match self {
            Self::AnyOrigin => Some(HeaderValue::from_static("*")),
            Self::Origins(origins) => {
                let listed = origins
                    .iter()
                    .any(|listed| listed.as_bytes() == origin.as_bytes());
                listed.then(|| origin.clone())
            }
        }
    }
}

/// Headers that API Gateway sets itself once CORS is configured; a function's own are dropped.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|&(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    const PREFLIGHT: [(&str, &str); 2] = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "PUT"),
    ];

    #[test]
    fn any_origin_is_allowed_by_the_default_setting() {
        let cors = Cors::parse("*");
        let mut response = HeaderMap::new();
        cors.decorate(&headers(&PREFLIGHT[..1]), &mut response);
        assert_eq!(response["access-control-allow-origin"], "*");
        assert_eq!(
            response["access-control-expose-headers"],
            "link,etag,retry-after"
        );
        assert!(!response.contains_key("vary"));
    }

    #[test]
    fn a_preflight_is_answered_with_what_is_allowed() {
        let answer = Cors::parse("*").preflight(&Method::OPTIONS, &headers(&PREFLIGHT));
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 204);
        let headers = answer.headers();
        assert_eq!(headers["access-control-allow-methods"], ALLOWED_METHODS);
        assert!(ALLOWED_HEADERS.contains("authorization"));
        assert_eq!(headers["access-control-allow-headers"], ALLOWED_HEADERS);
        assert_eq!(headers["access-control-max-age"], "7200");
    }

    #[test]
    fn only_a_listed_origin_is_echoed_and_caches_are_told() {
        let cors = Cors::parse("https://other.example, https://app.example");
        let mut response = HeaderMap::new();
        cors.decorate(&headers(&PREFLIGHT), &mut response);
        assert_eq!(
            response["access-control-allow-origin"],
            "https://app.example"
        );
        assert_eq!(response["vary"], "origin");

        let unlisted = headers(&[
            ("origin", "https://app.example.evil"),
            ("access-control-request-method", "PUT"),
        ]);
        let mut response = HeaderMap::new();
        cors.decorate(&unlisted, &mut response);
        assert!(!response.contains_key("access-control-allow-origin"));
        assert_eq!(response["vary"], "origin");
        let answer = cors.preflight(&Method::OPTIONS, &unlisted).unwrap();
        assert_eq!(answer.status(), 204);
        assert!(answer.headers().is_empty());
    }

    #[test]
    fn other_requests_are_no_preflight_and_get_nothing_without_an_origin() {
        let cors = Cors::parse("*");
        assert!(
            cors.preflight(&Method::OPTIONS, &headers(&PREFLIGHT[..1]))
                .is_none()
        );
        assert!(
            cors.preflight(&Method::OPTIONS, &headers(&PREFLIGHT[1..]))
                .is_none()
        );
        assert!(cors.preflight(&Method::GET, &headers(&PREFLIGHT)).is_none());
        let mut response = HeaderMap::new();
        cors.decorate(&HeaderMap::new(), &mut response);
        assert!(response.is_empty());
    }
}
