//! `DELETE /food/{food_id}`: deletes a food of the user.

functions::main!(DeleteFood);
