//! Neighbour lists of foods, lists of popular foods, and the parameters that computed them.

mod cached;
mod list;
mod model;
mod store;
mod top;

pub use cached::CachedTop;
pub use list::{Neighbour, NeighbourList};
pub use model::{Measures, Model, Quotas, Weighting};
pub use store::{NeighbourStore, Versioned};
pub use top::{Top, TopFood, TopList};

/// Where the weights of a neighbour list are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Computed from the newest likers of the food.
    Online,
    /// Computed by training, from all likes.
    Trained,
}

/// What is stored for recommending from one food.
#[derive(Debug, Clone, PartialEq)]
pub struct FoodNeighbours {
    /// The foods that users like who like this food.
    pub list: NeighbourList,
    /// The number of likes when the list was computed, without those that profiles did not have yet. Stale lists have another.
    pub likes_then: u64,
    /// How much the food is liked at present; see [`hot`](crate::recommend::hot).
    pub hot: f32,
    /// Where the weights are from.
    pub source: Source,
}
