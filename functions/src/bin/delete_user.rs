//! `DELETE /users/me`: the caller leaves.

functions::main!(DeleteUser);
