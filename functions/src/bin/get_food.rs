//! `GET /food/{food_id}`: returns a food and its creator.

functions::main!(GetFood);
