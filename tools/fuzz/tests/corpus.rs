//! Runs all fuzz targets with the inputs of their corpora, without coverage guidance: in seconds, on stable Rust.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fuzz::TARGETS;

fn corpus() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))
}

#[test]
fn fuzz_corpus_inputs_pass_their_targets() {
    for (name, target) in TARGETS {
        let mut count = 0;
        for file in fs::read_dir(corpus().join(name)).expect("a corpus") {
            let file = file.expect("a file").path();
            let input = fs::read(&file).expect("read");
            // Printed first, so that the last line names the input that panics.
            println!("{}", file.display());
            target(&input);
            count += 1;
        }
        assert!(count >= 10, "{name} has {count} inputs");
    }
}

#[test]
fn every_fuzz_target_has_a_corpus_under_1_mb() {
    let names: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let folders = fs::read_dir(corpus()).expect("a folder").map(|folder| folder.expect("a folder"));
    let mut found = BTreeSet::new();
    for folder in folders {
        let files = fs::read_dir(folder.path()).expect("a folder");
        let bytes: u64 =
            files.map(|file| file.expect("a file").metadata().expect("a size").len()).sum();
        assert!(bytes < 1_000_000, "{:?} has {bytes} bytes", folder.path());
        found.insert(folder.file_name().into_string().expect("a name"));
    }
    assert_eq!(found, names);
}
