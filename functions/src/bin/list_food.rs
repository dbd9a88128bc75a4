//! `GET /food`: lists the foods, newest first.

functions::main!(ListFood);
