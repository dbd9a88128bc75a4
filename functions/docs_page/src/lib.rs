//! The page that shows the API and tries it: Swagger UI with all that it needs in one file, so that no other host hears of it.

/// The page, compressed (RFC 1952).
pub const GZIP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.html.gz"));

/// What of it may run, for a `Content-Security-Policy`: the hash of its script.
pub const SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/script"));

/// And what may say how it looks.
pub const STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/style"));
