//! `PUT /users/me/password`: changes the user's password.

functions::main!(ChangePassword);
