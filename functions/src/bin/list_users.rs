//! `GET /users`: everybody, oldest first.

functions::main!(ListUsers);
