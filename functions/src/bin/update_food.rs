//! `PUT /food/{food_id}`: changes a food of the caller's.

functions::main!(UpdateFood);
