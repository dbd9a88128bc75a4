//! An independent check that sanitized HTML is safe to insert into a page.

use std::cell::RefCell;
use std::collections::BTreeSet;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// The HTML elements that a description may contain: text formatting and links.
const ELEMENTS: &str = "a abbr acronym area article aside b bdi bdo blockquote br caption center cite code col colgroup data dd \
    del details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i ins kbd li map mark nav ol p \
    pre q rp rt rtc ruby s samp small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr";

/// The HTML attributes that a description may contain: no event handlers, styles, names or form targets.
const ATTRIBUTES: &str = "align char charoff cite colspan datetime dir headers height href hreflang lang rel rowspan scope \
    size span start summary title width";

/// The allowed attributes that contain a URL.
const URL_ATTRIBUTES: [&str; 2] = ["cite", "href"];

/// Returns descriptions of everything unsafe in the HTML: elements, attributes and URLs that are not on the
/// allow-lists of this module, comments and parse errors. Uses the HTML tokenizer of browsers (HTML, section
/// 13.2.5), not the sanitizer.
pub fn find_unsafe_html(html: &str) -> BTreeSet<String> {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    // The sink never reports a script, so one call consumes the whole input.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

#[derive(Default)]
struct Sink(RefCell<BTreeSet<String>>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut found = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => found.extend(unsafe_parts(&tag)),
            Token::CommentToken(_) => drop(found.insert("a comment".to_owned())),
            Token::DoctypeToken(_) => drop(found.insert("a doctype".to_owned())),
            Token::NullCharacterToken => drop(found.insert("a NUL".to_owned())),
            Token::ParseError(error) => drop(found.insert(error.into_owned())),
            Token::CharacterTokens(_) | Token::EOFToken => {}
        }
        TokenSinkResult::Continue
    }
}

fn is_one_of(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == name)
}

fn unsafe_parts(tag: &Tag) -> Vec<String> {
    let mut find_unsafe_html = Vec::new();
    if !is_one_of(ELEMENTS, &tag.name) {
        find_unsafe_html.push(format!("the element {}", tag.name));
    }
    if tag.kind == TagKind::EndTag && !tag.attrs.is_empty() {
        find_unsafe_html.push("a closing tag with attributes".to_owned());
    }
    for attribute in &tag.attrs {
        let name = &*attribute.name.local;
        if !is_one_of(ATTRIBUTES, name) {
            find_unsafe_html.push(format!("the attribute {name}"));
        }
        if URL_ATTRIBUTES.contains(&name) && !is_safe_url(name, &attribute.value) {
            find_unsafe_html.push(format!("{name}={}", attribute.value));
        }
    }
    find_unsafe_html
}

/// Returns whether the URL is absolute and opens a web page or, in a link, a mail program. Parses the scheme as
/// browsers do (URL Standard, section 4.4): ignores leading control characters and spaces, and tabs and line breaks
/// anywhere.
fn is_safe_url(attribute: &str, url: &str) -> bool {
    let url = url.trim_start_matches(|c: char| c <= ' ');
    let url: String = url.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    let Some((scheme, rest)) = url.split_once(':') else {
        return false;
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => rest.starts_with("//"),
        "mailto" => attribute == "href",
        _ => false,
    }
}
