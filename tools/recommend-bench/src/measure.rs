//! The quality of recommendations.

use std::collections::{BTreeMap, BTreeSet};

/// The number of recommended foods that are compared.
pub(crate) const PAGE: usize = 20;

/// The quality of lists of 20 foods.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Quality {
    /// Which part of a user's test foods is in the list, averaged over users.
    pub(crate) recall: f64,
    /// The discounted gain of the list by that of the best list, averaged over users.
    pub(crate) ndcg: f64,
    /// Which part of the foods is in any list.
    pub(crate) coverage: f64,
}

/// Compares the lists of users with their test foods.
#[expect(clippy::cast_precision_loss, reason = "no count is that large")]
pub(crate) fn quality(
    lists: &BTreeMap<u32, Vec<u32>>,
    test: &BTreeMap<u32, BTreeSet<u32>>,
    foods: usize,
) -> Quality {
    let gain = |position: usize| (position as f64 + 2.0).log2().recip();
    let (mut quality, mut shown) = (Quality::default(), BTreeSet::<u32>::new());
    for (user, list) in lists {
        let (list, relevant) = (&list[..list.len().min(PAGE)], &test[user]);
        let hits = list.iter().enumerate().filter(|(_, food)| relevant.contains(food));
        let hits: Vec<_> = hits.map(|(position, _)| gain(position)).collect();
        let best: f64 = (0..PAGE.min(relevant.len())).map(gain).sum();
        quality.recall += hits.len() as f64 / relevant.len() as f64;
        quality.ndcg += hits.iter().sum::<f64>() / best;
        shown.extend(list.iter().copied());
    }
    quality.recall /= lists.len() as f64;
    quality.ndcg /= lists.len() as f64;
    quality.coverage = shown.len() as f64 / foods as f64;
    quality
}
