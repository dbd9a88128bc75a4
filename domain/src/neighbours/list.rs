//! Neighbour lists.

use std::cmp::Reverse;

use half::f16;

use crate::id::FoodId;
use crate::packed::{InvalidPackedList, split_id, unpack};

/// A food that users like who like another food.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The food.
    pub food: FoodId,
    /// How strongly a like of the other food recommends this one; positive.
    pub weight: f32,
}

/// The strongest neighbours of a food, strongest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NeighbourList(Vec<Neighbour>);

impl NeighbourList {
    /// The maximum number of neighbours. With 18 bytes each, an item stays below 2 KB: half a read unit, 2 write units.
    pub const MAX: usize = 100;

    /// Creates a list of the strongest of these foods. Weights are rounded to 16 bits; those below 2^-25 are left out.
    pub fn new(weights: impl IntoIterator<Item = (FoodId, f64)>) -> Self {
        let round = |(food, weight): (FoodId, f64)| {
            // Without this, the minimum of NaN would be the maximum.
            let weight = if weight > 0.0 { weight.min(f16::MAX.to_f64()) } else { 0.0 };
            let weight = f16::from_f64(weight);
            (weight > f16::ZERO).then_some((Reverse(weight.to_bits()), food))
        };
        // The bits of positive numbers are in their order.
        let mut all: Vec<_> = weights.into_iter().filter_map(round).collect();
        if all.len() > Self::MAX {
            all.select_nth_unstable(Self::MAX);
            all.truncate(Self::MAX);
        }
        all.sort_unstable();
        let entry =
            |(Reverse(bits), food)| Neighbour { food, weight: f16::from_bits(bits).to_f32() };
        Self(all.into_iter().map(entry).collect())
    }

    /// Returns the neighbours, strongest first.
    pub fn as_slice(&self) -> &[Neighbour] {
        &self.0
    }

    /// Packs the list: 16 bytes of the food's id and 2 bytes of its weight each.
    pub fn pack(&self) -> Vec<u8> {
        let entry = |neighbour: &Neighbour| {
            let weight = f16::from_f32(neighbour.weight).to_be_bytes();
            neighbour.food.as_bytes().iter().copied().chain(weight).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(entry).collect()
    }

    /// Parses what [`pack`](Self::pack) returns.
    pub fn unpack(bytes: &[u8]) -> Result<Self, InvalidPackedList> {
        let list = unpack(bytes, Self::MAX, |entry: &[u8; 18]| {
            let (id, weight) = split_id(entry)?;
            let weight = f16::from_be_bytes(weight).to_f32();
            let is_weight = weight.is_finite() && weight > 0.0;
            is_weight.then_some(Neighbour { food: FoodId::from_bytes(id), weight })
        })?;
        let is_sorted = list.is_sorted_by(|one, next| one.weight >= next.weight);
        is_sorted.then_some(Self(list)).ok_or(InvalidPackedList)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn food(id: u8) -> FoodId {
        FoodId::from_bytes([id; 16])
    }

    #[test]
    fn list_keeps_the_strongest_neighbours_in_order() {
        let weights = (0..=255).map(|id| (food(id), f64::from(id) / 100.0));
        let list = NeighbourList::new(weights);
        let foods: Vec<_> = list.as_slice().iter().map(|neighbour| neighbour.food).collect();
        assert_eq!(foods, (156..=255).rev().map(food).collect::<Vec<_>>());
        assert!(list.pack().len() <= 1_800);
    }

    #[test]
    fn only_positive_weights_are_listed() {
        for weight in [f64::NAN, f64::NEG_INFINITY, -1.0, -0.0, 0.0, 1e-9] {
            assert_eq!(NeighbourList::new([(food(1), weight)]), NeighbourList::default());
        }
        let list = NeighbourList::new([(food(1), f64::INFINITY)]);
        assert_eq!(NeighbourList::unpack(&list.pack()), Ok(list));
    }

    #[test]
    fn order_of_input_does_not_change_the_list() {
        let weights = || (0..=255).map(|id| (food(id), f64::from(id % 7)));
        assert_eq!(NeighbourList::new(weights()), NeighbourList::new(weights().rev()));
    }

    #[test]
    fn malformed_neighbour_lists_are_rejected() {
        let entry = |weight: f32| {
            let weight = f16::from_f32(weight).to_be_bytes();
            [[7; 16].as_slice(), &weight].concat()
        };
        for bytes in [
            vec![0; 17],
            entry(0.0),
            entry(-1.0),
            entry(f32::NAN),
            entry(f32::INFINITY),
            [entry(1.0), entry(2.0)].concat(),
            entry(1.0).repeat(101),
        ] {
            assert_eq!(NeighbourList::unpack(&bytes), Err(InvalidPackedList), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn neighbour_lists_unpack_as_packed(weights: Vec<([u8; 16], f64)>) {
            let list = NeighbourList::new(weights.into_iter().map(|(id, weight)| (FoodId::from_bytes(id), weight)));
            prop_assert_eq!(NeighbourList::unpack(&list.pack()), Ok(list));
        }
    }
}
