//! Data sets and their splits into likes that are replayed and likes that recommendations should predict.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

/// A like of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rating {
    pub(crate) user: u32,
    pub(crate) food: u32,
    /// The time in milliseconds, different for all likes.
    pub(crate) millis: i64,
}

/// Likes that are replayed in order of time, and the foods that each user liked besides.
#[derive(Debug, Clone, Default)]
pub(crate) struct Split {
    pub(crate) train: Vec<Rating>,
    pub(crate) test: BTreeMap<u32, BTreeSet<u32>>,
}

impl Split {
    fn new(train: Vec<Rating>, test: impl IntoIterator<Item = Rating>) -> Self {
        let mut by_user: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for rating in test {
            by_user.entry(rating.user).or_default().insert(rating.food);
        }
        Self { train, test: by_user }
    }
}

/// Reads the ratings of 4 and 5 of `MovieLens` 100K, as in the package `recbole`, in order of time.
pub(crate) fn movielens(folder: &Path) -> Result<Vec<Rating>> {
    let mut ratings = Vec::new();
    for fields in read(&folder.join("ml-100k.inter"))?.into_iter().skip(1) {
        let [user, food, rating, seconds] = parse(&fields)?;
        if rating >= 4 {
            ratings.push(Rating { user, food, millis: i64::from(seconds) * 1_000 });
        }
    }
    ratings.sort_by_key(|rating| rating.millis);
    // Many ratings have the same second.
    let mut last = 0;
    for rating in &mut ratings {
        rating.millis = rating.millis.max(last + 1);
        last = rating.millis;
    }
    Ok(ratings)
}

/// Splits by a hash of user, food and seed: a fifth of the likes is for the test.
pub(crate) fn split_at_random(ratings: &[Rating], seed: u32) -> Split {
    let is_test = |rating: &Rating| {
        let hash = crc32fast::hash(format!("{} {} {seed}", rating.user, rating.food).as_bytes());
        hash.is_multiple_of(5)
    };
    let (test, train): (Vec<_>, Vec<_>) = ratings.iter().copied().partition(is_test);
    Split::new(train, test)
}

/// Splits by time: the last fifth of the likes is for the test.
pub(crate) fn split_by_time(ratings: &[Rating]) -> Split {
    let (train, test) = ratings.split_at(ratings.len() - ratings.len() / 5);
    Split::new(train.to_vec(), test.iter().copied())
}

/// Reads Allrecipes, whose split is given: all ratings, in order of the files, because they have no time.
pub(crate) fn allrecipes(folder: &Path) -> Result<Split> {
    let read = |name: &str| -> Result<Vec<Rating>> {
        let ratings = read(&folder.join(name))?;
        let rating = |(seconds, fields): (i64, &Vec<String>)| {
            let [user, food, _] = parse(fields)?;
            Ok(Rating { user, food, millis: (1_500_000_000 + seconds) * 1_000 })
        };
        (0..).zip(&ratings).map(rating).collect()
    };
    Ok(Split::new(read("train.tsv")?, read("test.tsv")?))
}

fn read(path: &Path) -> Result<Vec<Vec<String>>> {
    let error = |error: Error| Error::new(error.kind(), format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(error)?;
    Ok(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

fn parse<const N: usize>(fields: &[String]) -> Result<[u32; N]> {
    let numbers: Option<Vec<u32>> = fields.iter().map(|field| field.parse().ok()).collect();
    let numbers = numbers.and_then(|numbers| numbers.try_into().ok());
    numbers.ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("not a rating: {fields:?}")))
}
