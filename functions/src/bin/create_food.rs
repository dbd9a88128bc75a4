//! `POST /food`: creates a food.

functions::main!(CreateFood);
