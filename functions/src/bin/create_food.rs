//! `POST /food`: shares a food.

functions::main!(CreateFood);
