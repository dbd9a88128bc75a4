//! `GET /users`: lists the users, oldest first.

functions::main!(ListUsers);
