//! `POST /logout`: ends the caller's session.

functions::main!(Logout);
