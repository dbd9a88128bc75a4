//! `PUT /users/me/password`: another password for the caller.

functions::main!(ChangePassword);
