//! `POST /refresh`: exchanges a refresh token for new tokens.

functions::main!(Refresh);
