//! `DELETE /sessions/{session_id}`: ends one session of the caller's.

functions::main!(RevokeSession);
