//! The API documentation page: Swagger UI in one HTML file that loads nothing from other hosts.

/// The API documentation page as HTML, compressed with gzip (RFC 1952).
pub const GZIP: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/page.html.gz"));

/// The hash of the page's script (`'sha256-…'`), for `script-src` of a `Content-Security-Policy`.
pub const SCRIPT: &str = include_str!(concat!(env!("OUT_DIR"), "/script"));

/// The hash of the page's style sheet (`'sha256-…'`), for `style-src` of a `Content-Security-Policy`.
pub const STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/style"));
