//! `DELETE /food/{food_id}`: takes a food of the caller's back.

functions::main!(DeleteFood);
