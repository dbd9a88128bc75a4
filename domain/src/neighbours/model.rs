//! The parameters of recommendations.

use std::time::Duration;

/// The parameters of neighbour weights; see [`neighbours`](crate::recommend::neighbours).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weighting {
    /// The exponent by which the likes of active users count less.
    pub activity: f64,
    /// The exponent by which the neighbours of popular foods count less.
    pub source: f64,
    /// The exponent by which popular neighbours count less.
    pub target: f64,
    /// Which part of the common likes that popularity alone explains is subtracted, from 0 to 1.
    pub expected: f64,
}

/// How well methods predicted likes that were held out: nDCG@20, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measures {
    /// The number of users whose newest like was held out.
    pub users: u64,
    /// The online lists, with the selected weighting.
    pub online: f64,
    /// The trained lists.
    pub trained: f64,
    /// The selected lists, together with trending foods.
    pub blended: f64,
}

/// How many of 20 recommended foods are of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// At least this many are recommended because of the user's likes.
    pub personal: usize,
    /// This many are young foods with few likes.
    pub fresh: usize,
}

/// The parameters of recommendations. Training selects them.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The parameters of online lists.
    pub weighting: Weighting,
    /// The half-life of likes in the list of trending foods; `None` if likes count forever.
    pub half_life: Option<Duration>,
    /// The weight of trending foods in recommendations; the weight of neighbours is 1.
    pub trending: f64,
    /// How many recommended foods are personal or fresh.
    pub quotas: Quotas,
    /// The regularization of trained lists.
    pub ridge: f64,
    /// The measures by which the parameters were selected.
    pub measures: Measures,
}

impl Default for Model {
    /// Returns the parameters before the first training.
    fn default() -> Self {
        Self {
            weighting: Weighting { activity: 0.8, source: 0.9, target: 0.3, expected: 0.6 },
            half_life: Some(Duration::from_hours(7 * 24)),
            trending: 0.5,
            quotas: Quotas { personal: 6, fresh: 2 },
            ridge: 100.0,
            measures: Measures::default(),
        }
    }
}
