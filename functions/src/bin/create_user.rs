//! `POST /users`: creates a user account.

functions::main!(CreateUser);
