//! Hashes the lists of common passwords: 4 bytes for each entry, sorted.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs, io};

#[path = "src/password/fnv.rs"]
mod fnv;

#[expect(clippy::disallowed_methods, reason = "Cargo sets OUT_DIR")]
fn main() -> io::Result<()> {
    let mut hashes = BTreeSet::new();
    for list in ["common_passwords/django.txt", "common_passwords/zxcvbn.txt"] {
        println!("cargo::rerun-if-changed={list}");
        hashes.extend(fs::read_to_string(list)?.lines().map(fnv::hash));
    }
    let out = env::var_os("OUT_DIR").expect("OUT_DIR");
    fs::write(Path::new(&out).join("common_passwords"), Vec::from_iter(hashes).concat())
}
