//! Versions of a food as clients see them: `ETag`, `If-Match`, `If-None-Match` (RFC 9110, sections
//! 8.8.3 and 13.1).

use domain::food::{Expected, Food};
use http::header::{AsHeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};
use lambda_http::Request;

use crate::error::ApiError;

/// Behind the version in the tag of a food that shows variants of its picture: they come without a save,
/// and are no edit that another one could meet.
const WITH_VARIANTS: char = 'v';

/// What is wrong with an `If-Match` that cannot be read.
pub(crate) const INVALID_IF_MATCH: &str = "If-Match should be * or a list of entity tags";

/// The tag of a food as it is shown.
pub(crate) fn etag(food: &Food) -> HeaderValue {
    HeaderValue::try_from(format!("\"{}\"", opaque(food))).expect("digits in quotes")
}

fn opaque(food: &Food) -> String {
    let mut opaque = food.version.to_string();
    opaque.extend((!food.variants.is_empty()).then_some(WITH_VARIANTS));
    opaque
}

/// Which versions the client wants to change, with variants or without. A header that cannot be read is refused: who sent it did
/// not want to overwrite whatever there is.
pub(crate) fn if_match(request: &Request) -> Result<Expected, ApiError> {
    let Some(list) = list(request.headers(), IF_MATCH) else {
        return Ok(Expected::Any);
    };
    match parse(&list) {
        Some(Tags::Any) => Ok(Expected::Any),
        // Compared strongly: a weak tag is none of ours.
        Some(Tags::These(tags)) => Ok(Expected::OneOf(
            tags.into_iter()
                .filter(|tag| !tag.is_weak)
                .filter_map(|tag| version(tag.opaque))
                .collect(),
        )),
        None => Err(ApiError::invalid_request(INVALID_IF_MATCH)),
    }
}

/// Whether the client has the food as it is shown already. A header that cannot be read asks for nothing.
pub(crate) fn has_already(request: &Request, current: &Food) -> bool {
    let list = list(request.headers(), IF_NONE_MATCH);
    match list.as_deref().and_then(parse) {
        Some(Tags::Any) => true,
        Some(Tags::These(tags)) => {
            let current = opaque(current);
            tags.iter().any(|tag| tag.opaque == current)
        }
        None => false,
    }
}

enum Tags<'a> {
    Any,
    These(Vec<Tag<'a>>),
}

struct Tag<'a> {
    is_weak: bool,
    opaque: &'a str,
}

/// All lines of the header as one; `None` without one.
fn list(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    let lines = headers.get_all(name);
    let lines: Vec<_> = lines
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

/// `None` where it is neither `*` nor a list of tags. A tag may hold commas, but no quotes.
fn parse(list: &str) -> Option<Tags<'_>> {
    const SPACE: [char; 2] = [' ', '\t'];
    if list.trim_matches(SPACE) == "*" {
        return Some(Tags::Any);
    }
    let mut tags = Vec::new();
    let mut rest = list;
    loop {
        // Empty elements of a list are ignored (RFC 9110, section 5.6.1), and a list may be empty: no version is in it.
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(Tags::These(tags));
        }
        let strong = rest.strip_prefix("W/");
        let (opaque, after) = strong.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        tags.push(Tag {
            is_weak: strong.is_some(),
            opaque,
        });
        rest = after.trim_start_matches(SPACE);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

/// The version that has this tag: as [`etag`] writes it, and not otherwise.
fn version(opaque: &str) -> Option<u64> {
    let digits = opaque.strip_suffix(WITH_VARIANTS).unwrap_or(opaque);
    let version: u64 = digits.parse().ok()?;
    (version.to_string() == digits).then_some(version)
}

#[cfg(test)]
mod tests {
    use domain::image::Variants;
    use domain::testing::sample;
    use lambda_http::Body;
    use proptest::prelude::*;

    use super::*;

    fn food(version: u64, variants: &str) -> Food {
        Food {
            version,
            variants: Variants::parse(variants).unwrap(),
            ..sample::food(&sample::public_user(sample::moment()))
        }
    }

    fn request(name: &str, value: &str) -> Request {
        let request = http::Request::builder().header(name, value);
        request.body(Body::Empty).unwrap()
    }

    fn matched(value: &str) -> Result<Expected, u16> {
        if_match(&request("if-match", value)).map_err(|error| error.status().as_u16())
    }

    #[test]
    fn if_match_is_compared_strongly() {
        for (value, versions) in [
            ("\"3\"", vec![3]),
            (" \"3\" , \"4\",", vec![3, 4]),
            ("\"3v\", \"4V\", \"v\", \"5vv\"", vec![3]),
            ("W/\"3\", \"4\"", vec![4]),
            ("\"03\", \"+3\", \"3,4\", \"\", \"x\"", vec![]),
            ("\"18446744073709551616\"", vec![]),
            ("", vec![]),
            (" , ", vec![]),
        ] {
            assert_eq!(matched(value), Ok(Expected::OneOf(versions)), "{value}");
        }
        assert_eq!(matched("*"), Ok(Expected::Any));
        assert_eq!(if_match(&Request::new(Body::Empty)).unwrap(), Expected::Any);
    }

    #[test]
    fn an_if_match_that_cannot_be_read_is_refused() {
        for value in ["3", "\"3", "\"3\" \"4\"", "*, \"3\"", "w/\"3\"", "\"3\"4"] {
            assert_eq!(matched(value), Err(400), "{value}");
        }
    }

    #[test]
    fn if_none_match_is_compared_weakly() {
        for value in ["\"3\"", "W/\"3\"", "\"2\", W/\"3\"", "*"] {
            let request = request("if-none-match", value);
            assert!(has_already(&request, &food(3, "")), "{value}");
        }
        for value in ["\"2\"", "3", "", "\"3\" x", "\"03\"", "\"3v\""] {
            let request = request("if-none-match", value);
            assert!(!has_already(&request, &food(3, "")), "{value}");
        }
        assert!(!has_already(&Request::new(Body::Empty), &food(3, "")));
    }

    #[test]
    fn a_food_that_shows_variants_is_another_to_see_and_the_same_to_edit() {
        let (before, after) = (food(3, ""), food(3, "320x200"));
        let seen = |seen: &Food| request("if-none-match", etag(seen).to_str().unwrap());
        assert!(!has_already(&seen(&before), &after));
        assert!(has_already(&seen(&after), &after));
        for shown in [before, after] {
            let tag = etag(&shown);
            assert_eq!(matched(tag.to_str().unwrap()), Ok(Expected::OneOf(vec![3])));
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        let mut request = request("if-match", "\"3\"");
        request
            .headers_mut()
            .append(IF_MATCH, HeaderValue::from_static("\"5\""));
        assert_eq!(if_match(&request).unwrap(), Expected::OneOf(vec![3, 5]));
    }

    proptest! {
        #[test]
        fn every_version_reads_back(current: u64, has_variants: bool) {
            let food = food(current, if has_variants { "320x200" } else { "" });
            let tag = etag(&food);
            let tag = tag.to_str().unwrap();
            prop_assert_eq!(matched(tag), Ok(Expected::OneOf(vec![current])));
            prop_assert!(has_already(&request("if-none-match", tag), &food));
        }
    }
}
