//! `DELETE /sessions`: revokes the user's other sessions.

functions::main!(RevokeSessions);
