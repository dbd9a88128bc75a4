//! `POST /login`: starts a session.

functions::main!(Login);
