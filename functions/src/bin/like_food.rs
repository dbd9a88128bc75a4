//! `PUT /food/{food_id}/like`: likes a food.

functions::main!(LikeFood);
