//! `POST /login`: signs somebody in.

functions::main!(Login);
