//! The request log of the local server: a line on standard output for each request, followed by its errors.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use axum::response::Response;
use console::{Style, style};
use functions::Outcome;
use http::Method;

use crate::error::GatewayError;

/// Logs method, path (without the query string), status and duration to standard output, and the errors below.
pub(crate) fn write(method: &Method, path: &str, response: &Response, took: Duration) {
    let text = format(method, path, response, took);
    // Requests are served even if standard output is closed.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn format(method: &Method, path: &str, response: &Response, took: Duration) -> String {
    let millis = took.as_secs_f64() * 1000.0;
    let path = path.escape_default();
    let status = response.status();
    let by_class = match status.as_u16() {
        500.. => Style::new().red(),
        400.. => Style::new().yellow(),
        _ => Style::new().green(),
    };
    let method = method.as_str();
    let status = by_class.apply_to(status.as_str());
    let took = style(format!("{millis:.1} ms")).dim();
    let mut text = format!("{method:<7} {path} {status} {took}\n");
    if let Some(error) = response.extensions().get::<GatewayError>() {
        let message = error.hint().map_or_else(|| error.to_string(), str::to_owned);
        let _ = writeln!(text, "        {message}");
    }
    let outcome = response.extensions().get::<Outcome>();
    if let Some(error) = outcome.and_then(|outcome| outcome.problem.as_ref()) {
        for (code, message) in &error.codes {
            let _ = writeln!(text, "        {}: {message}", by_class.apply_to(code));
        }
        // A line per error of the chain.
        for cause in error.cause.iter().flat_map(|chain| chain.split(": ")) {
            let cause: String = cause.chars().filter(|c| !c.is_control()).collect();
            let _ = writeln!(text, "          {}", style(cause).dim());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use functions::ErrorReport;

    use super::*;

    fn line(response: &Response) -> String {
        let took = Duration::from_micros(12_345);
        let line = format(&Method::GET, "/food", response, took);
        console::strip_ansi_codes(&line).into_owned()
    }

    #[test]
    fn function_error_is_logged_below_its_request() {
        let report = ErrorReport {
            kind: "unavailable",
            codes: vec![("unavailable", "temporarily unavailable; retry later".into())],
            cause: Some("the store is unavailable: connection refused\x1b[31m".to_owned()),
            attributes: Vec::new(),
        };
        let mut response = Response::default();
        response.extensions_mut().insert(Outcome::failed(503, report));
        let expected = "\
GET     /food 200 12.3 ms
        unavailable: temporarily unavailable; retry later
          the store is unavailable
          connection refused[31m
";
        assert_eq!(line(&response), expected);
    }

    #[test]
    fn gateway_error_is_logged_below_its_request() {
        let response = GatewayError::NotFound.into_response();
        let expected = "GET     /food 404 12.3 ms\n        Not Found\n";
        assert_eq!(line(&response), expected);
    }
}
