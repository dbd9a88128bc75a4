//! `DELETE /users/me`: deletes the user's account.

functions::main!(DeleteUser);
