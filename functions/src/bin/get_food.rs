//! `GET /food/{food_id}`: one food, and who shared it.

functions::main!(GetFood);
