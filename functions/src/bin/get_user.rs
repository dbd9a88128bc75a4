//! `GET /users/{user_id}`: returns a user.

functions::main!(GetUser);
