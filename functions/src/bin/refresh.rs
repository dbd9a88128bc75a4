//! `POST /refresh`: the next pair of tokens.

functions::main!(Refresh);
