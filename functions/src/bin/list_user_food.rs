//! `GET /users/{user_id}/food`: lists the foods of a user.

functions::main!(ListUserFood);
