//! One readable line per request, and below it what was wrong.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use bytes::Bytes;
use functions::Outcome;
use http::Response;
use http::request::Parts;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// Plain text.
    Off,
    /// With the escape sequences of a terminal.
    On,
}

impl Colours {
    /// For a terminal, unless the setting `NO_COLOR` is there and not empty (no-color.org).
    pub fn of_stdout(no_color: Option<&str>) -> Self {
        let is_wanted = no_color.is_none_or(str::is_empty);
        if is_wanted && std::io::stdout().is_terminal() {
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

/// What was wrong with a request that no function has seen: a code and its sentence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) code: &'static str,
    pub(crate) sentence: &'static str,
}

/// Writes method, path, status and time to standard output, and the problem.
pub(crate) fn write(colours: Colours, request: &Parts, response: &Response<Bytes>, took: Duration) {
    let text = format(colours, request, response, took);
    // Nobody may be reading any more; requests are answered all the same.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn format(colours: Colours, request: &Parts, response: &Response<Bytes>, took: Duration) -> String {
    let millis = took.as_secs_f64() * 1000.0;
    let path: String = request.uri.path().escape_default().collect();
    let status = response.status();
    let colour = match status.as_u16() {
        500.. => RED,
        400.. => YELLOW,
        _ => GREEN,
    };
    let method = request.method.as_str();
    let status = colours.paint(colour, status.as_str());
    let took = colours.paint(DIM, &format!("{millis:.1} ms"));
    let mut text = format!("{method:<7} {path} {status} {took}\n");
    let mut problem = |code: &str, sentence: &str| {
        let code = colours.paint(colour, code);
        let _ = writeln!(text, "        {code}: {sentence}");
    };
    if let Some(refused) = response.extensions().get::<Refused>() {
        problem(refused.code, refused.sentence);
    }
    let outcome = response.extensions().get::<Outcome>();
    if let Some(told) = outcome.and_then(|outcome| outcome.problem.as_ref()) {
        for (code, sentence) in &told.codes {
            problem(code, sentence);
        }
        if let Some(cause) = &told.cause {
            // One part of the chain a line.
            for cause in cause.split(": ") {
                let cause: String = cause.chars().filter(|c| !c.is_control()).collect();
                let _ = writeln!(text, "          {}", colours.paint(DIM, &cause));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use functions::ErrorReport;
    use http::{Request, StatusCode};

    use super::*;

    const TOOK: Duration = Duration::from_micros(12_345);

    fn parts(target: &str) -> Parts {
        Request::get(target).body(()).unwrap().into_parts().0
    }

    fn response(status: u16) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    }

    #[test]
    fn a_line_names_method_path_status_and_time_but_no_query() {
        let text = format(
            Colours::Off,
            &parts("/food?cursor=abc"),
            &response(200),
            TOOK,
        );
        assert_eq!(text, "GET     /food 200 12.3 ms\n");
    }

    #[test]
    fn colours_are_for_the_status_and_what_is_less_important() {
        for (status, colour) in [(204, "32"), (304, "32"), (404, "33"), (503, "31")] {
            let text = format(Colours::On, &parts("/food"), &response(status), TOOK);
            let wanted =
                format!("GET     /food \x1b[{colour}m{status}\x1b[0m \x1b[2m12.3 ms\x1b[0m\n");
            assert_eq!(text, wanted);
        }
    }

    #[test]
    fn no_color_turns_colours_off_when_it_is_not_empty() {
        assert_eq!(Colours::of_stdout(Some("1")), Colours::Off);
    }

    #[test]
    fn below_an_error_is_each_code_with_its_sentence_and_below_a_5xx_what_led_to_it() {
        let told = ErrorReport {
            kind: "unavailable",
            codes: vec![("unavailable", "please try again in a moment".into())],
            cause: Some("the store does not answer: connection refused\x1b[31m".to_owned()),
        };
        let mut response = response(503);
        response.extensions_mut().insert(Outcome::failed(503, told));
        let text = format(Colours::Off, &parts("/food"), &response, TOOK);
        let wanted = "\
GET     /food 503 12.3 ms
        unavailable: please try again in a moment
          the store does not answer
          connection refused[31m
";
        assert_eq!(text, wanted);
    }

    #[test]
    fn what_the_gateway_refuses_is_told_as_well() {
        let mut response = response(404);
        let (code, sentence) = ("not_found", "there is no such thing");
        response.extensions_mut().insert(Refused { code, sentence });
        let text = format(Colours::Off, &parts("/foods"), &response, TOOK);
        let wanted = "GET     /foods 404 12.3 ms\n        not_found: there is no such thing\n";
        assert_eq!(text, wanted);
    }
}
