//! `GET /food/{food_id}/similar`: returns foods similar to a food.

functions::main!(SimilarFood);
