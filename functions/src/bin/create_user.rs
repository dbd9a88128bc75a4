//! `POST /users`: signs somebody up.

functions::main!(CreateUser);
