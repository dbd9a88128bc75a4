//! Recommendations: pure functions from likes to neighbour lists, and from neighbour lists to recommended foods.
//!
//! * [`neighbours`] computes the list of one food from the profiles of users who like it.
//! * [`rank`] adds the lists of the foods that a user likes; [`choose`] selects from them.
//! * [`LikeMatrix`] has all likes: training selects parameters with it, and computes better lists.

mod choose;
mod decay;
mod matrix;
mod parallel;
mod ridge;
mod score;
mod selection;
mod similarity;

pub use choose::{CHOSEN, PAGE, anonymous, choose, fresh_foods, is_fresh};
pub use decay::{hot, trend};
pub use matrix::{LikeMatrix, SparseList};
pub use score::{Candidate, rank};
pub use selection::{Experiment, HeldOut, Trend, select_lists, select_trending};
pub use similarity::{is_stale, neighbours};
