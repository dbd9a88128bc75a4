//! `GET /users/{user_id}`: one user.

functions::main!(GetUser);
