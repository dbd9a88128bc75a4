//! `GET /docs`: returns the API documentation page, Swagger UI.

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

/// Serves the API documentation page.
pub struct GetDocs {
    policy: HeaderValue,
}

impl FromDependencies for GetDocs {
    fn new(dependencies: &Dependencies) -> Result<Self, SettingsError> {
        let images = dependencies.image_urls()?.origin();
        let policy = policy(&images);
        let invalid = |_| Settings::error("IMAGE_BASE_URL", "should be an absolute URL");
        Ok(Self { policy: HeaderValue::try_from(policy).map_err(invalid)? })
    }
}

impl HttpHandler for GetDocs {
    async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let page = "text/html; charset=utf-8";
        let mut response = if accepts_gzip(request.headers()) {
            let mut response = response::document(page, STANDARD.encode(docs_page::GZIP));
            response.is_base64 = true;
            let gzip = HeaderValue::from_static("gzip");
            response.headers.insert(CONTENT_ENCODING, gzip);
            response
        } else {
            response::document(page, uncompressed())
        };
        for (name, value) in [
            (CONTENT_SECURITY_POLICY, self.policy.clone()),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (VARY, HeaderValue::from_static("accept-encoding")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ] {
            response.headers.insert(name, value);
        }
        Ok(response)
    }
}

/// Returns the `Content-Security-Policy`: the page may run its own script, call this API, and load its own images
/// and those of foods, and nothing else.
fn policy(images: &str) -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src 'self' data: {images}; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        docs_page::SCRIPT,
        docs_page::STYLE,
    )
}

/// Returns whether `Accept-Encoding` includes gzip (RFC 9110, section 12.5.3).
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

fn uncompressed() -> String {
    let mut page = String::new();
    let read = GzDecoder::new(docs_page::GZIP).read_to_string(&mut page);
    read.expect("the embedded page is valid gzip");
    page
}

#[cfg(feature = "openapi")]
impl crate::openapi::OpenApiOperation for GetDocs {
    fn operation() -> crate::openapi::Operation {
        crate::openapi::Operation::new("API documentation page", "")
            .response_file(
                200,
                "Swagger UI in one file.",
                "text/html",
                &serde_json::json!({"type": "string"}),
            )
            .cacheable(200)
            .response_header(
                200,
                "Content-Security-Policy",
                "Allows requests to this host and the image host only.",
                "default-src 'none'; …",
                true,
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_page_is_compressed_if_client_accepts_gzip() {
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
    fn docs_page_loads_nothing_from_other_hosts() {
        let page = uncompressed();
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
        for external in ["<script src", "<link rel=\"stylesheet\"", "@import"] {
            assert!(!page.contains(external), "{external}");
        }
    }

    #[test]
    fn docs_page_csp_allows_own_script_and_food_images() {
        let policy = policy("https://images.example");
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"));
        assert!(policy.contains("img-src 'self' data: https://images.example;"));
        assert!(!policy.contains("unsafe"));
    }
}
