//! One readable line per request.

use std::io::Write;
use std::time::Duration;

use http::StatusCode;
use http::request::Parts;

/// Writes method, path, status and time to standard output.
pub(crate) fn line(request: &Parts, status: StatusCode, took: Duration) {
    let line = format(request, status, took);
    // Nobody may be reading any more; requests are answered all the same.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn format(request: &Parts, status: StatusCode, took: Duration) -> String {
    let millis = took.as_secs_f64() * 1000.0;
    let path: String = request.uri.path().escape_default().collect();
    let status = status.as_u16();
    format!(
        "{:<7} {path} {status} {millis:.1} ms",
        request.method.as_str()
    )
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn a_line_names_method_path_status_and_time_but_no_query() {
        let request = Request::get("/food?cursor=abc").body(()).unwrap();
        let (parts, ()) = request.into_parts();
        let line = format(&parts, StatusCode::OK, Duration::from_micros(12_345));
        assert_eq!(line, "GET     /food 200 12.3 ms");
    }
}
