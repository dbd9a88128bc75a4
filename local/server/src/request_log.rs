//! The request log: a line on standard output per request, followed by its errors.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use axum::response::Response;
use functions::Outcome;
use http::Method;

use crate::error::GatewayError;

/// Whether log lines are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// Plain text.
    Off,
    /// ANSI escape sequences.
    On,
}

impl Colours {
    /// `On` if standard output is a terminal and `NO_COLOR` is unset or empty (no-color.org).
    pub fn of_stdout(no_color: Option<&str>) -> Self {
        let is_allowed = no_color.is_none_or(str::is_empty);
        if is_allowed && std::io::stdout().is_terminal() {
            Self::On
        } else {
            Self::Off
        }
    }

    fn paint(self, colour: &str, text: &str) -> String {
        match self {
            Self::Off => text.to_owned(),
            Self::On => format!("\x1b[{colour}m{text}\x1b[0m"),
        }
    }
}

const DIM: &str = "2";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const RED: &str = "31";

/// Writes a request and its response to standard output, without the query string.
pub(crate) fn write(
    colours: Colours,
    method: &Method,
    path: &str,
    response: &Response,
    took: Duration,
) {
    let text = format(colours, method, path, response, took);
    // Requests are served even if standard output is closed.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn format(
    colours: Colours,
    method: &Method,
    path: &str,
    response: &Response,
    took: Duration,
) -> String {
    let millis = took.as_secs_f64() * 1000.0;
    let path = path.escape_default();
    let status = response.status();
    let colour = match status.as_u16() {
        500.. => RED,
        400.. => YELLOW,
        _ => GREEN,
    };
    let method = method.as_str();
    let status = colours.paint(colour, status.as_str());
    let took = colours.paint(DIM, &format!("{millis:.1} ms"));
    let mut text = format!("{method:<7} {path} {status} {took}\n");
    if let Some(error) = response.extensions().get::<GatewayError>() {
        let message = error
            .hint()
            .map_or_else(|| error.to_string(), str::to_owned);
        let _ = writeln!(text, "        {message}");
    }
    let outcome = response.extensions().get::<Outcome>();
    if let Some(error) = outcome.and_then(|outcome| outcome.problem.as_ref()) {
        for (code, message) in &error.codes {
            let _ = writeln!(text, "        {}: {message}", colours.paint(colour, code));
        }
        // A line per error of the chain.
        for cause in error.cause.iter().flat_map(|chain| chain.split(": ")) {
            let cause: String = cause.chars().filter(|c| !c.is_control()).collect();
            let _ = writeln!(text, "          {}", colours.paint(DIM, &cause));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use functions::ErrorReport;

    use super::*;

    fn line(colours: Colours, response: &Response) -> String {
        let took = Duration::from_micros(12_345);
        format(colours, &Method::GET, "/food", response, took)
    }

    #[test]
    fn status_colour_depends_on_status_class() {
        for (status, colour) in [(204, "32"), (304, "32"), (404, "33"), (503, "31")] {
            let mut response = Response::default();
            *response.status_mut() = status.try_into().unwrap();
            let expected =
                format!("GET     /food \x1b[{colour}m{status}\x1b[0m \x1b[2m12.3 ms\x1b[0m\n");
            assert_eq!(line(Colours::On, &response), expected);
        }
    }

    #[test]
    fn no_color_variable_disables_colours() {
        assert_eq!(Colours::of_stdout(Some("1")), Colours::Off);
    }

    #[test]
    fn function_error_is_logged_below_its_request() {
        let report = ErrorReport {
            kind: "unavailable",
            codes: vec![("unavailable", "please try again in a moment".into())],
            cause: Some("the store is unavailable: connection refused\x1b[31m".to_owned()),
        };
        let mut response = Response::default();
        response
            .extensions_mut()
            .insert(Outcome::failed(503, report));
        let expected = "\
GET     /food 200 12.3 ms
        unavailable: please try again in a moment
          the store is unavailable
          connection refused[31m
";
        assert_eq!(line(Colours::Off, &response), expected);
    }

    #[test]
    fn gateway_error_is_logged_below_its_request() {
        let response = GatewayError::NotFound.into_response();
        let expected = "GET     /food 404 12.3 ms\n        Not Found\n";
        assert_eq!(line(Colours::Off, &response), expected);
    }
}
