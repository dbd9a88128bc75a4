//! `POST /logout`: revokes the session of the access token.

functions::main!(Logout);
