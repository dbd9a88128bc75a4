//! Which function a request is for.

use functions::routes::{ROUTES, Route};
use http::Method;
use percent_encoding::percent_decode_str;

use crate::problem::Problem;

/// A route and what its parameters are in one request.
#[derive(Debug)]
pub(crate) struct Match<'r> {
    pub(crate) route: &'r Route,
    pub(crate) parameters: Vec<(&'r str, String)>,
}

/// The path as API Gateway's HTTP APIs see it: decoded before anything else looks at it, so `%2F`
/// separates segments, and cut where a decoded `?` stands.
pub(crate) fn decode_path(raw: &str) -> Result<String, Problem> {
    let bytes = raw.as_bytes();
    let is_escape = |at: usize| {
        let digits = bytes.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let mut escapes = raw.match_indices('%');
    if !raw.starts_with('/') || !escapes.all(|(at, _)| is_escape(at)) {
        return Err(Problem::BadTarget);
    }
    let path = percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| Problem::BadTarget)?;
    let end = path.find('?').unwrap_or(path.len());
    Ok(path[..end].to_owned())
}

/// `None` when no route has this method and path.
pub(crate) fn find(method: &Method, path: &str) -> Option<Match<'static>> {
    find_in(&ROUTES, method, path)
}

/// The path is matched segment by segment; where a literal and a parameter both match, the literal
/// wins. A trailing slash is a segment of its own, and an empty segment matches no parameter.
fn find_in<'r>(routes: &'r [Route], method: &Method, path: &str) -> Option<Match<'r>> {
    routes
        .iter()
        .filter(|route| route.method == method.as_str())
        .filter_map(|route| Some((route, parameters(route.path, path)?)))
        .max_by_key(|(route, _)| literals(route.path))
        .map(|(route, parameters)| Match { route, parameters })
}

fn parameters<'r>(template: &'r str, path: &str) -> Option<Vec<(&'r str, String)>> {
    if template.split('/').count() != path.split('/').count() {
        return None;
    }
    let mut parameters = Vec::new();
    for (expected, segment) in template.split('/').zip(path.split('/')) {
        match name(expected) {
            Some(name) if !segment.is_empty() => parameters.push((name, segment.to_owned())),
            None if segment == expected => {}
            _ => return None,
        }
    }
    Some(parameters)
}

fn literals(template: &str) -> Vec<bool> {
    template
        .split('/')
        .map(|part| name(part).is_none())
        .collect()
}

fn name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(method: &Method, path: &str) -> Option<&'static str> {
        find(method, path).map(|found| found.route.name)
    }

    #[test]
    fn every_route_finds_its_function() {
        for route in &ROUTES {
            let method: Method = route.method.parse().unwrap();
            let path = route
                .path
                .replace("{food_id}", "1")
                .replace("{user_id}", "1");
            assert_eq!(names(&method, &path), Some(route.name), "{path}");
        }
    }

    #[test]
    fn a_parameter_is_the_whole_segment() {
        let found = find(&Method::GET, "/food/0198 é").unwrap();
        assert_eq!(found.route.name, "get_food");
        assert_eq!(found.parameters, [("food_id", "0198 é".to_owned())]);
        assert!(find(&Method::GET, "/food").unwrap().parameters.is_empty());
    }

    #[test]
    fn other_methods_and_paths_are_no_routes() {
        for (method, path) in [
            (Method::HEAD, "/food"),
            (Method::PATCH, "/food/1"),
            (Method::DELETE, "/food"),
            (Method::OPTIONS, "/food"),
            (Method::GET, "/"),
            (Method::GET, ""),
            (Method::GET, "/food/"),
            (Method::GET, "/food/1/"),
            (Method::GET, "//food"),
            (Method::GET, "/Food"),
            (Method::GET, "/food/1/2"),
            (Method::GET, "/login"),
        ] {
            assert_eq!(names(&method, path), None, "{path}");
        }
    }

    #[test]
    fn a_literal_wins_over_a_parameter_wherever_it_stands_in_the_list() {
        let route = |name, path| Route {
            name,
            method: "GET",
            path,
            signed_in: false,
        };
        let mut routes = [route("one", "/food/{id}"), route("latest", "/food/latest")];
        for _ in 0..2 {
            let found = find_in(&routes, &Method::GET, "/food/latest").unwrap();
            assert_eq!(found.route.name, "latest");
            let found = find_in(&routes, &Method::GET, "/food/latest2").unwrap();
            assert_eq!(found.route.name, "one");
            routes.reverse();
        }
    }

    #[test]
    fn a_path_is_decoded_before_it_is_matched() {
        assert_eq!(decode_path("/food/a%20b%C3%A9").unwrap(), "/food/a bé");
        assert_eq!(decode_path("/food/a%2Fb").unwrap(), "/food/a/b");
        assert_eq!(decode_path("/food/a%3Fb").unwrap(), "/food/a");
        assert_eq!(decode_path("/food/a%2525").unwrap(), "/food/a%25");
        assert_eq!(decode_path("/food/a+b").unwrap(), "/food/a+b");
    }

    #[test]
    fn a_path_that_cannot_be_decoded_is_a_bad_request() {
        for raw in [
            "/food/%",
            "/food/%4",
            "/food/%zz",
            "/food/%FF",
            "/%C3",
            "*",
            "",
        ] {
            assert_eq!(decode_path(raw), Err(Problem::BadTarget), "{raw}");
        }
    }
}
