//! `GET /recommendations`: recommends foods.

functions::main!(Recommend);
