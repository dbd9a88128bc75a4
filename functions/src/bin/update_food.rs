//! `PUT /food/{food_id}`: updates a food of the user.

functions::main!(UpdateFood);
