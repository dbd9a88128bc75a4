//! The version of a food in HTTP: `ETag`, `If-Match` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1). The
//! crate `headers` does not expose the tags of a list, which the domain needs as versions.

use domain::food::{Food, VersionPrecondition};
use http::header::{AsHeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};
use lambda_http::Request;

use crate::error::ApiError;

/// The message for an `If-Match` or `If-None-Match` that cannot be parsed.
pub(crate) const INVALID_CONDITION: &str =
    "If-Match and If-None-Match should be * or a list of entity tags";

/// An entity tag without its quotes: digits and hyphens.
pub(crate) struct EntityTag(String);

impl EntityTag {
    /// Returns the value of the header `ETag`.
    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::try_from(format!("\"{}\"", self.0)).expect("digits and hyphens in quotes")
    }
}

/// Returns the `ETag` of a food that was created or updated: its version.
pub(crate) fn etag(food: &Food) -> HeaderValue {
    EntityTag(food.version.to_string()).header()
}

/// Returns the entity tag of `GET /food/{food_id}`: the version and the likes of the food, and for a user 1 or 0 for
/// `liked`. It changes with the response; conditions of writes compare only the version (see [`precondition`]).
pub(crate) fn view_etag(food: &Food, liked: Option<bool>) -> EntityTag {
    let (version, likes) = (food.version, food.likes);
    EntityTag(match liked {
        None => format!("{version}-{likes}"),
        Some(liked) => format!("{version}-{likes}-{}", u8::from(liked)),
    })
}

/// Returns the food versions that `If-Match` and `If-None-Match` allow to change. A malformed header is an error:
/// ignoring it could overwrite a version that the client has not seen.
pub(crate) fn precondition(request: &Request) -> Result<VersionPrecondition, ApiError> {
    let malformed = || ApiError::invalid_request(INVALID_CONDITION);
    let allowed = match list(request.headers(), IF_MATCH) {
        None => None,
        Some(list) => match Tags::parse(&list).ok_or_else(malformed)? {
            Tags::Any => None,
            // Strong comparison: a weak tag never matches.
            Tags::These { strong, .. } => Some(versions(strong)),
        },
    };
    let excluded = match list(request.headers(), IF_NONE_MATCH) {
        None => Vec::new(),
        Some(list) => match Tags::parse(&list).ok_or_else(malformed)? {
            // Only a food that does not exist has no version.
            Tags::Any => return Ok(VersionPrecondition::AnyOf(Vec::new())),
            Tags::These { strong, weak } => versions([strong, weak].concat()),
        },
    };
    Ok(match allowed {
        None if excluded.is_empty() => VersionPrecondition::None,
        None => VersionPrecondition::NoneOf(excluded),
        Some(mut allowed) => {
            allowed.retain(|version| !excluded.contains(version));
            VersionPrecondition::AnyOf(allowed)
        }
    })
}

/// Parses entity tags as food versions; others match no version.
fn versions(tags: Vec<&str>) -> Vec<u64> {
    tags.into_iter().filter_map(version).collect()
}

/// Returns whether `If-None-Match` has the current entity tag. A malformed header is ignored.
pub(crate) fn is_not_modified(request: &Request, current: &EntityTag) -> bool {
    let list = list(request.headers(), IF_NONE_MATCH);
    match list.as_deref().and_then(Tags::parse) {
        Some(Tags::Any) => true,
        Some(Tags::These { strong, weak }) => {
            strong.iter().chain(&weak).any(|tag| *tag == current.0)
        }
        None => false,
    }
}

/// Joins all values of a repeated header with commas. `None` if the header is missing.
fn list(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    let lines = headers.get_all(name).iter();
    let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()));
    let lines: Vec<_> = lines.collect();
    (!lines.is_empty()).then(|| lines.join(","))
}

enum Tags<'a> {
    Any,
    These { strong: Vec<&'a str>, weak: Vec<&'a str> },
}

impl<'a> Tags<'a> {
    /// Parses `*` or a list of entity tags; `None` if it is malformed. A tag may contain commas, but no quotes.
    fn parse(list: &'a str) -> Option<Self> {
        const SPACE: [char; 2] = [' ', '\t'];
        if list.trim_matches(SPACE) == "*" {
            return Some(Self::Any);
        }
        let (mut strong, mut weak) = (Vec::new(), Vec::new());
        let mut rest = list;
        loop {
            // Empty elements are ignored (RFC 9110, section 5.6.1), and the list may be empty.
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return Some(Self::These { strong, weak });
            }
            let (tags, quoted) = match rest.strip_prefix("W/") {
                Some(quoted) => (&mut weak, quoted),
                None => (&mut strong, rest),
            };
            let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
            tags.push(opaque);
            rest = after.trim_start_matches(SPACE);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }
}

/// Returns the food version in an entity tag. Only the formats of [`etag`] and [`view_etag`] are valid: `03` and `+3` are
/// not.
fn version(opaque: &str) -> Option<u64> {
    let number = |digits: &str| {
        let number: u64 = digits.parse().ok()?;
        (number.to_string() == digits).then_some(number)
    };
    let numbers: Vec<_> = opaque.splitn(4, '-').map(number).collect::<Option<_>>()?;
    match numbers[..] {
        [version] | [version, _] | [version, _, 0 | 1] => Some(version),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::testing::sample;
    use lambda_http::Body;

    use super::*;

    fn food(version: u64) -> Food {
        Food { version, likes: 12, ..sample::food(&sample::public_user(sample::timestamp())) }
    }

    fn request(name: &str, value: &str) -> Request {
        let request = http::Request::builder().header(name, value);
        request.body(Body::Empty).unwrap()
    }

    fn matched(value: &str) -> Result<VersionPrecondition, u16> {
        precondition(&request("if-match", value)).map_err(|error| error.status().as_u16())
    }

    #[test]
    fn if_match_header_never_matches_a_weak_etag() {
        for (value, versions) in [
            ("\"3\"", vec![3]),
            (" \"3\" , \"4\",", vec![3, 4]),
            ("W/\"3\", \"4\"", vec![4]),
            ("\"03\", \"+3\", \"3,4\", \"\", \"x\"", vec![]),
            ("\"18446744073709551616\"", vec![]),
            // Likes do not matter.
            ("\"3-0\", \"4-12-0\", \"5-1-1\"", vec![3, 4, 5]),
            ("\"3-\", \"-3\", \"3-01\", \"3-1-2\", \"3-1-1-1\", \"3--1\"", vec![]),
            (" , ", vec![]),
        ] {
            assert_eq!(matched(value), Ok(VersionPrecondition::AnyOf(versions)), "{value}");
        }
        assert_eq!(matched("*"), Ok(VersionPrecondition::None));
        assert_eq!(precondition(&Request::new(Body::Empty)).unwrap(), VersionPrecondition::None);
        let mut repeated = request("if-match", "\"3\"");
        let headers = repeated.headers_mut();
        headers.append(IF_MATCH, HeaderValue::from_static("\"5\""));
        assert_eq!(precondition(&repeated).unwrap(), VersionPrecondition::AnyOf(vec![3, 5]));
        let headers = repeated.headers_mut();
        headers.append(IF_NONE_MATCH, HeaderValue::from_static("W/\"5\""));
        assert_eq!(precondition(&repeated).unwrap(), VersionPrecondition::AnyOf(vec![3]));
    }

    #[test]
    fn if_none_match_header_excludes_versions_of_a_write() {
        for (value, expected) in [
            ("*", Ok(VersionPrecondition::AnyOf(Vec::new()))),
            ("\"3\", W/\"4\"", Ok(VersionPrecondition::NoneOf(vec![3, 4]))),
            ("\"x\"", Ok(VersionPrecondition::None)),
            ("3", Err(400)),
        ] {
            let parsed = precondition(&request("if-none-match", value));
            assert_eq!(parsed.map_err(|error| error.status().as_u16()), expected, "{value}");
        }
    }

    #[test]
    fn malformed_if_match_header_returns_400() {
        for value in ["3", "\"3", "\"3\" \"4\"", "*, \"3\"", "w/\"3\"", "\"3\"4"] {
            assert_eq!(matched(value), Err(400), "{value}");
        }
    }

    #[test]
    fn if_none_match_header_also_matches_a_weak_etag() {
        let current = view_etag(&food(3), None);
        for (value, matches) in [
            ("\"3-12\"", true),
            ("W/\"3-12\"", true),
            ("\"2-12\", W/\"3-12\"", true),
            ("*", true),
            ("\"2-12\"", false),
            ("\"3-13\"", false),
            ("\"3\"", false),
            ("3-12", false),
            ("\"3-12\" x", false),
            ("\"03-12\"", false),
            ("\"3-12-1\"", false),
        ] {
            let request = request("if-none-match", value);
            assert_eq!(is_not_modified(&request, &current), matches, "{value}");
        }
        assert!(!is_not_modified(&Request::new(Body::Empty), &current));
    }

    #[test]
    fn etag_of_a_view_has_version_likes_and_liked() {
        let tag = |liked| view_etag(&food(3), liked).0;
        let tags = [None, Some(true), Some(false)].map(tag);
        assert_eq!(tags, ["3-12", "3-12-1", "3-12-0"]);
        assert_eq!(etag(&food(3)), "\"3\"");
    }
}
