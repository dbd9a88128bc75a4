//! Protects servers on this machine from web pages.
//!
//! A page in a browser can send requests to 127.0.0.1. With DNS rebinding, a page of `evil.example` can even read the
//! responses: its domain then resolves to 127.0.0.1. The `Host` of such a request still names the domain.

use std::net::IpAddr;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{StatusCode, Version};

/// The name of this machine in a container: Docker Desktop resolves it, and `sam local` with `--add-host`. `.internal` is
/// reserved for private use.
pub const DOCKER_HOST: &str = "host.docker.internal";

/// Returns the host that a request is for: of an absolute request target, else of `Host` (RFC 9112, section 3.2).
/// An error for `HTTP/1.1` without exactly one valid `Host`; `None` for `HTTP/1.0` without one. `HTTP/2` has no `Host`.
pub fn requested_host(request: &Parts) -> Result<Option<Authority>, InvalidHost> {
    let mut hosts = request.headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes()).map_err(|_| InvalidHost)?,
        (None, _) if request.version != Version::HTTP_11 => {
            return Ok(request.uri.authority().cloned());
        }
        _ => return Err(InvalidHost),
    };
    Ok(Some(request.uri.authority().cloned().unwrap_or(host)))
}

/// The error of a request without exactly one valid `Host`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidHost;

/// Returns whether the host is this machine: `localhost`, a loopback address, or Docker's name of it. Any port is
/// accepted, because a proxy or a forwarded port has another one.
pub fn is_this_machine(host: &Authority) -> bool {
    let name = host.host().to_ascii_lowercase();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost" || name == DOCKER_HOST || address.is_ok_and(|address| address.is_loopback())
}

/// Middleware that rejects requests with an invalid `Host` (400) or that of another machine (403).
pub(crate) async fn require_this_machine(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match requested_host(&parts) {
        Ok(host) if host.as_ref().is_none_or(is_this_machine) => {
            next.run(Request::from_parts(parts, body)).await
        }
        Ok(_) => StatusCode::FORBIDDEN.into_response(),
        Err(InvalidHost) => StatusCode::BAD_REQUEST.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_2_request_is_for_its_authority() {
        let request = http::Request::get("http://localhost:8888/").version(Version::HTTP_2);
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(requested_host(&parts), Ok(Some("localhost:8888".parse().unwrap())));
    }

    #[test]
    fn only_names_of_this_machine_are_accepted() {
        for (host, expected) in [
            ("127.0.0.1:8888", true),
            ("127.0.0.1", true),
            ("LOCALHOST:1", true),
            ("[::1]:8888", true),
            ("host.docker.internal:8888", true),
            ("evil.example:8888", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("192.168.1.2:8888", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(is_this_machine(&host.parse().unwrap()), expected, "{host}");
        }
    }
}
