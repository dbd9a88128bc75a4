//! The port to neighbour lists, lists of popular foods and parameters.

use super::{FoodNeighbours, Model, Top, TopList};
use crate::id::FoodId;
use crate::storage::StorageError;

/// A stored value with its version. A write requires the current version and increments it (compare-and-swap).
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// The version, from 1.
    pub version: u64,
}

/// Port: derived data for recommendations. Everything can be computed again from the likes. R and W are read and write
/// units of `DynamoDB`; reads are eventually consistent for requests, and strongly for updates, which skip what is current: that costs
/// twice as much.
pub trait NeighbourStore {
    /// Returns the neighbours of those of these foods (at most 100) that have some, in any order. Damaged ones are
    /// empty. One batch: ½ R a food.
    async fn find(
        &self,
        foods: &[FoodId],
    ) -> Result<Vec<(FoodId, Versioned<FoodNeighbours>)>, StorageError>;

    /// Writes the neighbours of a food, or deletes them if `None`. Returns `false`, and changes nothing, unless the stored
    /// version is `expected` (`None`: none are stored). At most 2 W.
    async fn write(
        &self,
        food: FoodId,
        neighbours: Option<&FoodNeighbours>,
        expected: Option<u64>,
    ) -> Result<bool, StorageError>;

    /// Returns the parameters, by default [`Model::default`], and the lists in the order of [`TopList::ALL`], by default
    /// empty with version 0. One batch: 2 R. Functions that answer requests cache it for a minute.
    async fn find_top(&self) -> Result<(Model, [Versioned<Top>; 3]), StorageError>;

    /// Writes a list. Returns `false`, and changes nothing, unless the stored version is `expected`. At most 4 W.
    async fn write_top(
        &self,
        list: TopList,
        top: &Top,
        expected: u64,
    ) -> Result<bool, StorageError>;

    /// Writes the parameters. Only training does, and there is one at a time. 1 W.
    async fn write_model(&self, model: &Model) -> Result<(), StorageError>;
}
