//! `GET /users/me/likes`: lists the foods that the user likes.

functions::main!(ListLikes);
