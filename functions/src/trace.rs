//! Which trace a request belongs to: W3C Trace Context (`traceparent`) and X-Ray's header. What is
//! malformed is as good as missing.

use std::ops::Range;

/// Where in a trace something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    /// 32 hexadecimal digits, as OpenTelemetry writes it.
    pub(crate) id: String,
    /// The span that it happens in: the caller's, as nobody makes one here.
    pub(crate) span: Option<String>,
}

impl Trace {
    /// The value of `traceparent` (W3C Trace Context, section 3.2). Of a version that is not known
    /// yet what version 00 has is read.
    pub(crate) fn from_traceparent(header: &str) -> Option<Self> {
        let part = |range: Range<usize>| header.get(range).filter(|part| is_lower_hex(part));
        let dash = |at: usize| header.as_bytes().get(at) == Some(&b'-');
        let (version, id, span) = (part(0..2)?, part(3..35)?, part(36..52)?);
        part(53..55)?;
        let is_separated = dash(2) && dash(35) && dash(52);
        let ends_well = header.len() == 55 || (version != "00" && dash(55));
        let is_valid = version != "ff" && !is_zero(id) && !is_zero(span);
        (is_separated && ends_well && is_valid).then(|| Self {
            id: id.to_owned(),
            span: Some(span.to_owned()),
        })
    }

    /// The value of `X-Amzn-Trace-Id`, which is also that of `_X_AMZN_TRACE_ID`: `Root=1-…` and more,
    /// with semicolons between.
    pub(crate) fn from_x_ray(header: &str) -> Option<Self> {
        let field = |name: &str| {
            let mut fields = header.split(';').filter_map(|field| field.split_once('='));
            let found = fields.find(|(other, _)| other.trim() == name);
            found.map(|(_, value)| value.trim())
        };
        let (time, unique) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
        let is_id = |id: &str, length| id.len() == length && is_lower_hex(id);
        (is_id(time, 8) && is_id(unique, 24)).then(|| Self {
            id: format!("{time}{unique}"),
            span: field("Parent")
                .filter(|parent| is_id(parent, 16) && !is_zero(parent))
                .map(str::to_owned),
        })
    }

    /// The same id as X-Ray writes it.
    pub(crate) fn x_ray_id(&self) -> String {
        let (time, unique) = self.id.split_at(8);
        format!("1-{time}-{unique}")
    }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_zero(id: &str) -> bool {
    id.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn read(header: &str) -> Option<(String, String)> {
        let trace = Trace::from_traceparent(header)?;
        Some((trace.id, trace.span?))
    }

    #[test]
    fn a_traceparent_names_a_trace_and_a_span() {
        let trace = Some((ID.to_owned(), SPAN.to_owned()));
        for header in [
            format!("00-{ID}-{SPAN}-01"),
            format!("00-{ID}-{SPAN}-00"),
            // Flags that are not defined yet.
            format!("00-{ID}-{SPAN}-ff"),
            // Versions to come may have more.
            format!("cc-{ID}-{SPAN}-01"),
            format!("cc-{ID}-{SPAN}-01-what-the-future-brings"),
            format!("01-{ID}-{SPAN}-01-"),
        ] {
            assert_eq!(read(&header), trace, "{header}");
        }
    }

    #[test]
    fn a_malformed_traceparent_is_none() {
        for header in [
            String::new(),
            "-".to_owned(),
            format!("00-{ID}-{SPAN}"),
            format!("00-{ID}-{SPAN}-"),
            format!("00-{ID}-{SPAN}-0"),
            format!("00-{ID}-{SPAN}-1"),
            format!("00-{ID}-{SPAN}-01-"),
            format!("00-{ID}-{SPAN}-01-more"),
            format!("00-{ID}-{SPAN}-01.more"),
            format!("cc-{ID}-{SPAN}-01.more"),
            format!("cc-{ID}-{SPAN}-011"),
            format!("ff-{ID}-{SPAN}-01"),
            format!("0-{ID}-{SPAN}-01"),
            format!("000-{ID}-{SPAN}-01"),
            format!("0x-{ID}-{SPAN}-01"),
            format!("00-{ID}-{SPAN}-0x"),
            format!("00-{}-{SPAN}-01", ID.to_uppercase()),
            format!("00-{ID}-{}-01", SPAN.to_uppercase()),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{ID}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", &ID[1..]),
            format!("00-{ID}0-{SPAN}-01"),
            format!("00-{ID}-{}-01", &SPAN[1..]),
            format!("00_{ID}_{SPAN}_01"),
            format!("00-{ID}-{SPAN}-01,00-{ID}-{SPAN}-01"),
            format!(" 00-{ID}-{SPAN}-01"),
            format!("00-{}é-{SPAN}-01", &ID[2..]),
        ] {
            assert_eq!(read(&header), None, "{header:?}");
        }
    }

    #[test]
    fn the_header_of_x_ray_names_a_trace_and_perhaps_a_span() {
        let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
        let trace = |header: &str| Trace::from_x_ray(header);
        let id = "5759e988bd862e3fe1be46a994272793";
        let sampled = trace(&format!("{root};Parent=53995c3f42cd8ad8;Sampled=1")).unwrap();
        assert_eq!(sampled.id, id);
        assert_eq!(sampled.span.as_deref(), Some("53995c3f42cd8ad8"));
        assert_eq!(sampled.x_ray_id(), "1-5759e988-bd862e3fe1be46a994272793");
        for without_span in [
            root.to_owned(),
            format!("Self=1-67891234-12456789abcdef012345678;{root}"),
            format!("Sampled=0; {root} ;Lineage=1:a87bd80c:0"),
            format!("{root};Parent=0000000000000000;Sampled=0"),
            format!("{root};Parent=53995C3F;Sampled=0"),
        ] {
            let trace = trace(&without_span).unwrap();
            assert_eq!((trace.id.as_str(), trace.span), (id, None));
        }
    }

    #[test]
    fn a_malformed_header_of_x_ray_is_none() {
        for header in [
            "",
            "Root",
            "Root=",
            "Parent=53995c3f42cd8ad8",
            "Root=2-5759e988-bd862e3fe1be46a994272793",
            "Root=1-5759e988-bd862e3fe1be46a99427279",
            "Root=1-5759e988bd862e3fe1be46a994272793",
            "Root=1-5759e98x-bd862e3fe1be46a994272793",
            "root: 1-5759e988-bd862e3fe1be46a994272793",
        ] {
            assert_eq!(Trace::from_x_ray(header), None, "{header:?}");
        }
    }
}
