//! `GET /docs`: the page that shows the API and tries it.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use crate::dependencies::FromDependencies;
use crate::http::response;
use crate::settings::Settings;
use crate::{ApiError, Dependencies, HttpHandler, Request, Response, SettingsError};

/// See the file.
pub struct GetDocs {
    policy: HeaderValue,
}

impl FromDependencies for GetDocs {
    fn new(setup: &Dependencies) -> Result<Self, SettingsError> {
        let images = setup.image_urls()?.origin();
        let policy = policy(&images);
        let unfit = |_| Settings::error("IMAGE_BASE_URL", "should be an absolute URL");
        Ok(Self {
            policy: HeaderValue::try_from(policy).map_err(unfit)?,
        })
    }
}

impl HttpHandler for GetDocs {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let page = "text/html; charset=utf-8";
        let mut reply = if accepts_gzip(request.headers()) {
            let mut reply = response::document(page, STANDARD.encode(docs_page::GZIP));
            reply.is_base64 = true;
            let gzip = HeaderValue::from_static("gzip");
            reply.headers.insert(CONTENT_ENCODING, gzip);
            reply
        } else {
            response::document(page, plain())
        };
        for (name, value) in [
            (CONTENT_SECURITY_POLICY, self.policy.clone()),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (VARY, HeaderValue::from_static("accept-encoding")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ] {
            reply.headers.insert(name, value);
        }
        Ok(reply)
    }
}

/// Makes the policy under which the page runs its own script only, calls this API only, and shows its own
/// images and those of foods.
fn policy(images: &str) -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src 'self' data: {images}; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        docs_page::SCRIPT,
        docs_page::STYLE,
    )
}

/// Reads `Accept-Encoding` (RFC 9110, section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    let mut codings = accepted.unwrap_or_default().split(',');
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight: String = weight.split_whitespace().collect();
        name.trim().eq_ignore_ascii_case("gzip")
            && !matches!(weight.as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

fn plain() -> String {
    let mut page = String::new();
    let read = GzDecoder::new(docs_page::GZIP).read_to_string(&mut page);
    read.expect("the page that was built");
    page
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for GetDocs {
    fn operation() -> crate::openapi::Operation {
        crate::openapi::Operation::new("This page", "")
            .answers_with(
                200,
                "Swagger UI in one file.",
                "text/html",
                &serde_json::json!({"type": "string"}),
            )
            .kept(200)
            .sends(
                200,
                "Content-Security-Policy",
                "No other host is asked.",
                "default-src 'none'; …",
                true,
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_is_compressed_for_clients_that_accept_gzip() {
        for (accepted, is_compressed) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("", false),
            ("br", false),
            ("gzip; q=0.0, br", false),
            ("xgzip", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!(accepts_gzip(&headers), is_compressed, "{accepted}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn page_is_whole_and_loads_from_no_other_host() {
        let page = plain();
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
        for loading in ["<script src", "<link rel=\"stylesheet\"", "@import"] {
            assert!(!page.contains(loading), "{loading}");
        }
    }

    #[test]
    fn policy_allows_only_what_the_page_has() {
        let policy = policy("https://images.example");
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"));
        assert!(policy.contains("img-src 'self' data: https://images.example;"));
        assert!(!policy.contains("unsafe"));
    }
}
