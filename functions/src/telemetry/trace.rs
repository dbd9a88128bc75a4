//! Trace ids from W3C Trace Context (`traceparent`) and X-Ray headers. A malformed header counts as missing.

use std::ops::Range;

/// A trace id, and the span id of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    /// The trace id: 32 hexadecimal digits (OpenTelemetry's format).
    pub(crate) id: String,
    /// The span id of the caller: 16 hexadecimal digits.
    pub(crate) span: Option<String>,
}

impl Trace {
    /// Parses the header `traceparent` (W3C Trace Context, section 3.2). Versions after 00 may have more parts.
    pub(crate) fn from_traceparent(header: &str) -> Option<Self> {
        let part = |range: Range<usize>| header.get(range).filter(|part| is_lower_hex(part));
        let dash = |at: usize| header.as_bytes().get(at) == Some(&b'-');
        let (version, id, span) = (part(0..2)?, part(3..35)?, part(36..52)?);
        part(53..55)?;
        let is_separated = dash(2) && dash(35) && dash(52);
        let has_valid_end = header.len() == 55 || (version != "00" && dash(55));
        let is_valid = version != "ff" && !is_zero(id) && !is_zero(span);
        (is_separated && has_valid_end && is_valid)
            .then(|| Self { id: id.to_owned(), span: Some(span.to_owned()) })
    }

    /// Parses the header `X-Amzn-Trace-Id` or variable `_X_AMZN_TRACE_ID`: `Root=1-…;Parent=…;Sampled=1`.
    pub(crate) fn from_x_ray(header: &str) -> Option<Self> {
        let field = |name: &str| {
            let mut fields = header.split(';').filter_map(|field| field.split_once('='));
            let found = fields.find(|(other, _)| other.trim() == name);
            found.map(|(_, value)| value.trim())
        };
        let is_id = |id: &str, length| id.len() == length && is_lower_hex(id);
        let (time, unique) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
        let parent = field("Parent").filter(|parent| is_id(parent, 16) && !is_zero(parent));
        (is_id(time, 8) && is_id(unique, 24))
            .then(|| Self { id: format!("{time}{unique}"), span: parent.map(str::to_owned) })
    }

    /// Returns the trace id in X-Ray's format, `1-<8 digits>-<24 digits>`.
    pub(crate) fn x_ray_id(&self) -> String {
        let (time, unique) = self.id.split_at(8);
        format!("1-{time}-{unique}")
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_zero(id: &str) -> bool {
    id.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn traceparent_header_is_parsed_to_trace_id_and_span_id() {
        for (header, is_valid) in [
            (format!("00-{ID}-{SPAN}-01"), true),
            (format!("cc-{ID}-{SPAN}-01-more"), true),
            (format!("00-{ID}-{SPAN}-01-more"), false),
            (format!("ff-{ID}-{SPAN}-01"), false),
            (format!("00-{ID}-{SPAN}"), false),
            (format!("00-{}-{SPAN}-01", ID.to_uppercase()), false),
            (format!("00-{}-{SPAN}-01", "0".repeat(32)), false),
            (format!("00-{ID}-{}-01", "0".repeat(16)), false),
            (format!("00_{ID}_{SPAN}_01"), false),
            (format!("00-{}é-{SPAN}-01", &ID[2..]), false),
        ] {
            let trace = Trace { id: ID.to_owned(), span: Some(SPAN.to_owned()) };
            let expected = is_valid.then_some(trace);
            assert_eq!(Trace::from_traceparent(&header), expected, "{header}");
        }
    }

    #[test]
    fn x_ray_header_is_parsed_to_trace_id_and_optional_span_id() {
        let (id, root) =
            ("5759e988bd862e3fe1be46a994272793", "1-5759e988-bd862e3fe1be46a994272793");
        for (header, span) in [
            (format!("Root={root};Parent={SPAN};Sampled=1"), Some(SPAN)),
            (format!("Self=1-67891234-1; Root={root} ;Sampled=0"), None),
            (format!("Root={root};Parent=0000000000000000"), None),
            (format!("Root={root};Parent=53995C3F"), None),
        ] {
            let trace = Trace::from_x_ray(&header).unwrap();
            assert_eq!((trace.id.as_str(), trace.span.as_deref()), (id, span));
            assert_eq!(trace.x_ray_id(), root);
        }
        for header in [
            "",
            "Root=",
            "Parent=53995c3f42cd8ad8",
            "Root=2-5759e988-bd862e3fe1be46a994272793",
            "Root=1-5759e988-bd862e3fe1be46a99427279",
            "Root=1-5759e98x-bd862e3fe1be46a994272793",
        ] {
            assert_eq!(Trace::from_x_ray(header), None, "{header}");
        }
    }
}
