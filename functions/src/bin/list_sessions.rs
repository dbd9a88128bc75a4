//! `GET /sessions`: lists the user's sessions.

functions::main!(ListSessions);
