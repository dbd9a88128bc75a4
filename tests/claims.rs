//! What `SECURITY.md` and `docs/ASVS.md` claim, they claim with a test: each that they name is there, and
//! the figures are those of the tables.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(name: &str) -> String {
    let path = root().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whatever stands between two backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn sources(folder: PathBuf, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_and_file_that_is_named_is_there() {
    let mut code = String::new();
    for folder in [
        "pictures",
        "domain",
        "infrastructure",
        "functions",
        "local",
        "engines",
        "fuzz",
        "bench",
        "tests",
    ] {
        sources(root().join(folder), &mut code);
    }
    let (mut tests, mut files) = (0, 0);
    for document in ["SECURITY.md", "docs/ASVS.md"] {
        let text = read(document);
        for name in quoted(&text) {
            let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            // Names of tests are sentences.
            if name.matches('_').count() >= 3 && name.chars().all(is_word) {
                let is_there = code.contains(&format!("fn {name}("));
                assert!(is_there, "{document} names the test {name}");
                tests += 1;
            }
            let has_extension = [".rs", ".md", ".py", ".json", ".yaml"]
                .iter()
                .any(|end| name.ends_with(end));
            if name.contains('/') && has_extension && !name.contains(' ') {
                assert!(
                    root().join(name).exists(),
                    "{document} names the file {name}"
                );
                files += 1;
            }
        }
    }
    assert!(tests > 100 && files > 100, "{tests} tests, {files} files");
}

/// How often each result stands in the rows of a section.
fn counted(section: &str) -> [usize; 4] {
    let mut counts = [0; 4];
    for row in section.lines().filter(|line| line.starts_with("| ")) {
        let result = row
            .split(" | ")
            .nth(if row.matches(" | ").count() > 3 { 3 } else { 2 });
        let column = match result {
            Some("pass") => 1,
            Some("fail") => 2,
            Some("n/a") => 3,
            _ => continue,
        };
        counts[0] += 1;
        counts[column] += 1;
    }
    counts
}

#[test]
fn the_figures_of_the_assessment_are_those_of_its_tables() {
    let text = read("docs/ASVS.md");
    let mut sections = text.split("\n## ");
    sections.next();
    let summary = sections.next().unwrap();
    let mut sums: BTreeMap<bool, [usize; 4]> = BTreeMap::new();
    for section in sections {
        let is_chapter = section.starts_with('V');
        let Some((title, rows)) = section
            .split_once('\n')
            .filter(|_| is_chapter || section.starts_with("RFC"))
        else {
            continue;
        };
        let title = title.split(',').next().unwrap();
        let counts = counted(rows);
        let [all, passed, failed, other] = counts;
        let line = format!("| {title} | {all} | {passed} | {failed} | {other} |");
        assert!(summary.contains(&line), "{line}");
        let sum = sums.entry(is_chapter).or_default();
        for (sum, count) in sum.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    assert_eq!(sums.len(), 2);
    for [all, passed, failed, other] in sums.into_values() {
        let line = format!("| **Total** | **{all}** | **{passed}** | **{failed}** | **{other}** |");
        assert!(summary.contains(&line), "{line}");
    }
}
