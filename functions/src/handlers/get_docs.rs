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
use lambda_http::Request;

use crate::settings::{Settings, SettingsError};
use crate::setup::Setup;
use crate::{ApiError, Handler, Reply, response};

/// See the file.
pub struct GetDocs {
    policy: HeaderValue,
}

impl Handler for GetDocs {
    fn new(setup: &Setup) -> Result<Self, SettingsError> {
        let pictures = setup.image_urls()?.origin();
        let policy = policy(&pictures);
        let unfit = |_| Settings::error("IMAGE_BASE_URL", "should be an absolute URL");
        Ok(Self {
            policy: HeaderValue::try_from(policy).map_err(unfit)?,
        })
    }

    async fn handle(&self, request: Request) -> Result<Reply, ApiError> {
        let page = HeaderValue::from_static("text/html; charset=utf-8");
        let mut reply = if takes_gzip(request.headers()) {
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

/// The page runs its own script and no other, asks this API and no other host, and shows its own drawings and pictures of foods.
fn policy(pictures: &str) -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src 'self' data: {pictures}; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        docs_page::SCRIPT,
        docs_page::STYLE,
    )
}

/// RFC 9110, section 12.5.3, as far as anybody uses it.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    let mut codings = accepted.unwrap_or_default().split(',').map(str::trim);
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
impl crate::openapi::Described for GetDocs {
    fn describe() -> crate::openapi::Operation {
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
    fn the_page_is_compressed_for_whom_takes_it() {
        for (accepted, is) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("deflate,gzip", true),
            ("", false),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip; q=0.0, br", false),
            ("xgzip", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!(takes_gzip(&headers), is, "{accepted}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn the_page_is_whole_and_names_no_other_host_to_load_from() {
        let page = plain();
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
        for loading in [
            "<script src",
            "<link rel=\"stylesheet\"",
            "@import",
            "/* script */",
            "/* style */",
        ] {
            assert!(!page.contains(loading), "{loading}");
        }
    }

    #[test]
    fn nothing_may_run_that_the_page_did_not_bring() {
        let policy = policy("https://pictures.example");
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"));
        assert!(policy.contains("img-src 'self' data: https://pictures.example;"));
        assert!(!policy.contains("unsafe"));
    }
}
