//! `DELETE /food/{food_id}/like`: removes a like.

functions::main!(UnlikeFood);
