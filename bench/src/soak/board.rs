//! What members know of one another's foods.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a food may look like to others.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Title and description, each time it was to be changed.
    texts: Vec<(String, String)>,
    /// Which of them was the last that was acknowledged.
    acknowledged: usize,
    is_going: bool,
    is_gone: bool,
}

/// Everybody's foods, by id.
#[derive(Debug, Default)]
pub struct Board(Mutex<BTreeMap<String, Shown>>);

impl Board {
    fn foods(&self) -> MutexGuard<'_, BTreeMap<String, Shown>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A food that is there.
    pub fn shared(&self, id: &str, title: &str, description: &str) {
        let shown = Shown {
            texts: vec![(title.to_owned(), description.to_owned())],
            ..Shown::default()
        };
        self.foods().insert(id.to_owned(), shown);
    }

    /// It may look like this from now on.
    pub fn changes(&self, id: &str, title: &str, description: &str) {
        if let Some(food) = self.foods().get_mut(id) {
            food.texts.push((title.to_owned(), description.to_owned()));
        }
    }

    /// It looks like what was said last, or as before.
    pub fn changed(&self, id: &str, is_so: bool) {
        if let Some(food) = self.foods().get_mut(id) {
            if !is_so {
                food.texts.pop();
            }
            food.acknowledged = food.texts.len() - 1;
        }
    }

    /// It may be gone from now on.
    pub fn goes(&self, id: &str) {
        if let Some(food) = self.foods().get_mut(id) {
            food.is_going = true;
        }
    }

    /// It is gone, or is still there.
    pub fn went(&self, id: &str, is_so: bool) {
        let mut foods = self.foods();
        if let Some(food) = foods.get_mut(id) {
            (food.is_going, food.is_gone) = (is_so, is_so);
        }
        // So that it does not grow for ever.
        if foods.len() > 5_000 {
            foods.retain(|_, food| !food.is_gone);
        }
    }

    /// One that is there, or was.
    pub fn any(&self, choice: usize) -> Option<(String, Shown)> {
        let foods = self.foods();
        let nth = choice.checked_rem(foods.len())?;
        foods
            .iter()
            .nth(nth)
            .map(|(id, food)| (id.clone(), food.clone()))
    }

    /// Whether a food may be seen like this, by somebody who asked when it was as in `before`.
    pub fn may_show(&self, id: &str, before: &Shown, seen: Option<(&str, &str)>) -> bool {
        let foods = self.foods();
        match (foods.get(id), seen) {
            (None, seen) => seen.is_none(),
            (Some(now), None) => now.is_going,
            (Some(now), Some((title, description))) => {
                let texts = now.texts.iter().skip(before.acknowledged);
                let mut texts = texts.chain(before.texts.iter().skip(before.acknowledged));
                !before.is_gone && texts.any(|text| text.0 == title && text.1 == description)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_no_older_than_what_was_acknowledged_and_no_newer_than_what_was_said() {
        let board = Board::default();
        board.shared("1", "a", "");
        let (_, before) = board.any(0).unwrap();
        assert!(board.may_show("1", &before, Some(("a", ""))));
        assert!(!board.may_show("1", &before, Some(("b", ""))));
        assert!(!board.may_show("1", &before, None));

        board.changes("1", "b", "");
        assert!(board.may_show("1", &before, Some(("a", ""))));
        assert!(board.may_show("1", &before, Some(("b", ""))));
        board.changed("1", true);
        let (_, after) = board.any(0).unwrap();
        assert!(board.may_show("1", &before, Some(("a", ""))));
        assert!(!board.may_show("1", &after, Some(("a", ""))));

        board.changes("1", "c", "");
        board.changed("1", false);
        assert!(!board.may_show("1", &after, Some(("c", ""))));
    }

    #[test]
    fn a_food_is_gone_from_when_it_was_acknowledged() {
        let board = Board::default();
        board.shared("1", "a", "");
        let (_, before) = board.any(0).unwrap();
        board.goes("1");
        assert!(board.may_show("1", &before, None));
        assert!(board.may_show("1", &before, Some(("a", ""))));
        board.went("1", true);
        let (_, after) = board.any(0).unwrap();
        assert!(board.may_show("1", &after, None));
        assert!(!board.may_show("1", &after, Some(("a", ""))));
        board.went("1", false);
        assert!(!board.may_show("1", &after, None));
    }
}
