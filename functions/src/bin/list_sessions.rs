//! `GET /sessions`: where the caller is signed in.

functions::main!(ListSessions);
