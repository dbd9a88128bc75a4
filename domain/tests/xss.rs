//! Tests against cross-site scripting in descriptions. `data/xss.json` has samples of the attacks in OWASP's
//! XSS Filter Evasion Cheat Sheet
//! (<https://cheatsheetseries.owasp.org/cheatsheets/XSS_Filter_Evasion_Cheat_Sheet.html>), and of mutation XSS,
//! where the HTML changes when it is parsed again.

use std::collections::BTreeSet;

use domain::food::{Description, InvalidDescription};
use domain::testing::html::find_unsafe_html;
use serde_json::Value;

fn attacks(kind: &str) -> Vec<String> {
    let all: Value = serde_json::from_str(include_str!("data/xss.json")).expect("JSON");
    let list = all[kind].as_array().expect("a list").iter();
    list.map(|attack| attack.as_str().expect("a string").to_owned()).collect()
}

#[test]
fn sanitizing_removes_all_known_xss_attacks() {
    for attack in [attacks("dangerous"), attacks("for_old_browsers")].concat() {
        for raw in [
            attack.clone(),
            format!("<p>Soup {attack} and rice</p>"),
            format!("<b title=\"{attack}\">x</b>"),
        ] {
            match Description::sanitize(&raw) {
                Ok(safe) => {
                    assert_eq!(find_unsafe_html(safe.as_str()), BTreeSet::new(), "{raw}");
                    assert_eq!(Description::sanitize(safe.as_str()), Ok(safe), "{raw}");
                }
                Err(error) => assert_eq!(error, InvalidDescription::Empty, "{raw}"),
            }
        }
    }
}

#[test]
fn xss_samples_are_unsafe_before_sanitizing() {
    for attack in attacks("dangerous") {
        assert_ne!(find_unsafe_html(&attack), BTreeSet::new(), "{attack}");
    }
}

#[test]
fn sanitized_external_links_get_rel_noreferrer() {
    for url in [
        "http://0x42.0x66.0x7.0x93/",
        "http://1113982867/",
        "https://evil.example./",
        "http://%77%77.example/",
    ] {
        let safe = Description::sanitize(&format!("<a href=\"{url}\">x</a>"));
        let expected = format!("<a href=\"{url}\" rel=\"noopener noreferrer\">x</a>");
        assert_eq!(safe.expect("a description").as_str(), expected);
    }
}
