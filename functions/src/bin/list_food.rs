//! `GET /food`: all foods, newest first.

functions::main!(ListFood);
