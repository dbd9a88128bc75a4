//! Whether HTML is safe to put into a page.

use std::cell::RefCell;
use std::collections::BTreeSet;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// Elements that format text, and nothing that loads, runs or posts but a link and an image.
const ELEMENTS: &str = "a abbr acronym area article aside b bdi bdo blockquote br caption center cite code col colgroup data dd \
    del details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i img ins kbd li map mark nav ol p \
    pre q rp rt rtc ruby s samp small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr";

/// None that runs, styles, names or sends anything.
const ATTRIBUTES: &str = "align alt char charoff cite colspan datetime dir headers height href hreflang lang rel rowspan scope \
    size span src start summary title width";

/// Of the attributes those that hold an address.
const ADDRESSES: [&str; 3] = ["cite", "href", "src"];

/// What an address may begin with beside http, https and nothing: programs that are not browsers.
const SCHEMES: &str = "bitcoin ftp ftps geo http https im irc ircs magnet mailto mms mx news nntp openpgp4fpr sip sms smsto ssh \
    tel url webcal wtai xmpp";

/// What a browser would find in this HTML that could run, load or post something, or change how the
/// rest of a page is read: told by the tokenizer that browsers share (HTML, section 13.2.5) and by lists
/// of our own.
pub fn dangers(html: &str) -> BTreeSet<String> {
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    // Nothing is a script to this sink: it is read to its end.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

#[derive(Default)]
struct Sink(RefCell<BTreeSet<String>>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut dangers = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => dangers.extend(dangers_of(&tag)),
            Token::CommentToken(_) => drop(dangers.insert("a comment".to_owned())),
            Token::DoctypeToken(_) => drop(dangers.insert("a doctype".to_owned())),
            Token::NullCharacterToken => drop(dangers.insert("a NUL".to_owned())),
            Token::ParseError(error) => drop(dangers.insert(error.into_owned())),
            Token::CharacterTokens(_) | Token::EOFToken => {}
        }
        TokenSinkResult::Continue
    }
}

fn is_one_of(list: &str, name: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == name)
}

fn dangers_of(tag: &Tag) -> Vec<String> {
    let mut dangers = Vec::new();
    if !is_one_of(ELEMENTS, &tag.name) {
        dangers.push(format!("the element {}", tag.name));
    }
    if tag.kind == TagKind::EndTag && !tag.attrs.is_empty() {
        dangers.push("a closing tag with attributes".to_owned());
    }
    for attribute in &tag.attrs {
        let name = &*attribute.name.local;
        if !is_one_of(ATTRIBUTES, name) {
            dangers.push(format!("the attribute {name}"));
        }
        if ADDRESSES.contains(&name) && !is_harmless_address(&attribute.value) {
            dangers.push(format!("{name}={}", attribute.value));
        }
    }
    dangers
}

/// As browsers read it (URL, section 4.4): control characters and spaces before it, and tabs and line
/// breaks anywhere in it, do not count.
fn is_harmless_address(address: &str) -> bool {
    let address = address.trim_start_matches(|c: char| c <= ' ');
    let address: String = address
        .chars()
        .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
        .collect();
    let Some((scheme, _)) = address.split_once(':') else {
        return true;
    };
    // What stands before the first colon is no scheme where it begins with or has another sign.
    let is_sign = |byte| matches!(byte, b'+' | b'-' | b'.') || byte.is_ascii_alphanumeric();
    let is_scheme =
        scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(is_sign);
    !is_scheme || is_one_of(SCHEMES, &scheme.to_ascii_lowercase())
}
