//! `GET /users/me`: returns the user's own account.

functions::main!(GetCurrentUser);
