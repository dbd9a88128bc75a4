//! `DELETE /sessions`: ends the caller's sessions.

functions::main!(RevokeSessions);
