//! `DELETE /sessions`: ends the caller's sessions.

functions::main!(EndSessions);
