//! `DELETE /sessions/{session_id}`: revokes a session of the user.

functions::main!(RevokeSession);
