//! All that is stored, and whether it belongs together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::food::Title;
use domain::id::{FoodId, ImageId};
use domain::image::{Format, RenditionKey, Sizes};

use crate::TableNames;

/// An item of a table.
pub type Item = HashMap<String, AttributeValue>;

/// What the tables and the bucket held at one moment, as nobody wrote.
#[derive(Debug)]
pub struct Snapshot {
    /// Accounts, claims on addresses, and who left, by `pk`.
    pub users: BTreeMap<String, Item>,
    /// Foods and claims on titles, by `pk`.
    pub foods: BTreeMap<String, Item>,
    /// What is in the table of sessions.
    pub sessions: Vec<Item>,
    /// The keys of the renditions.
    pub renditions: BTreeSet<String>,
}

/// A text that an item should have. Panics where it has none: for tests.
pub fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item[name].as_s().expect("a text")
}

impl Snapshot {
    /// Reads everything. Panics where it cannot: for tests.
    pub async fn read(
        dynamodb: &aws_sdk_dynamodb::Client,
        s3: &aws_sdk_s3::Client,
        tables: &TableNames,
        bucket: &str,
    ) -> Self {
        Self {
            users: by_key(scan(dynamodb, &tables.users).await),
            foods: by_key(scan(dynamodb, &tables.foods).await),
            sessions: scan(dynamodb, &tables.sessions).await,
            renditions: list(s3, bucket).await,
        }
    }

    /// What should not be: every user has exactly its claim, every food exactly its claim and its
    /// renditions.
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        let email = |account: &Item| format!("EMAIL#{}", text(account, "email").to_lowercase());
        compare(
            &self.users,
            ["USER#", "EMAIL#", "user_id"],
            email,
            &mut found,
        );
        let title = |food: &Item| {
            let title = Title::parse(text(food, "title")).expect("a title");
            format!("TITLE#{}", title.folded())
        };
        compare(
            &self.foods,
            ["FOOD#", "TITLE#", "food_id"],
            title,
            &mut found,
        );
        for missing in self.shown().difference(&self.renditions) {
            found.push(format!("no rendition {missing}"));
        }
        found
    }

    /// The number of renditions that no food shows.
    pub fn orphans(&self) -> usize {
        self.renditions.difference(&self.shown()).count()
    }

    fn shown(&self) -> BTreeSet<String> {
        let foods = starting(&self.foods, "FOOD#");
        foods.flat_map(|(_, food)| rendition_keys(food)).collect()
    }
}

/// The keys of the renditions that a food shows.
fn rendition_keys(food: &Item) -> Vec<String> {
    let id = FoodId::parse(text(food, "id")).expect("an id");
    let image = ImageId::parse(text(food, "image_id")).expect("an id");
    let sizes = Sizes::parse(text(food, "image_sizes")).expect("sizes");
    let key = |width: u32, format: Format| RenditionKey {
        food: id,
        image,
        width,
        format,
    };
    let sizes = sizes.as_slice().iter();
    let keys = sizes.flat_map(|size| Format::ALL.map(|format| key(size.width, format)));
    keys.map(|key| key.to_string()).collect()
}

/// Adds what is wrong with the claims of these items: each has its own, and there is no other.
fn compare(
    items: &BTreeMap<String, Item>,
    [owners, claims, owner_id]: [&str; 3],
    claim: impl Fn(&Item) -> String,
    found: &mut Vec<String>,
) {
    let mut expected = BTreeSet::new();
    for (_, item) in starting(items, owners) {
        let claim = claim(item);
        let claimed = items.get(&claim).map(|claim| text(claim, owner_id));
        if claimed != Some(text(item, "id")) {
            found.push(format!("{claim} is of {claimed:?}"));
        }
        expected.insert(claim);
    }
    let stray = starting(items, claims).filter(|(key, _)| !expected.contains(*key));
    found.extend(stray.map(|(key, _)| format!("{key} is nobody's")));
}

fn starting<'a>(
    items: &'a BTreeMap<String, Item>,
    start: &str,
) -> impl Iterator<Item = (&'a String, &'a Item)> {
    items.iter().filter(move |(key, _)| key.starts_with(start))
}

fn by_key(items: Vec<Item>) -> BTreeMap<String, Item> {
    let keyed = items
        .into_iter()
        .map(|item| (text(&item, "pk").to_owned(), item));
    keyed.collect()
}

async fn scan(dynamodb: &aws_sdk_dynamodb::Client, table: &str) -> Vec<Item> {
    let scan = dynamodb.scan().table_name(table).consistent_read(true);
    let pages = scan.into_paginator().items().send();
    pages.collect::<Result<_, _>>().await.expect("scanned")
}

async fn list(s3: &aws_sdk_s3::Client, bucket: &str) -> BTreeSet<String> {
    let mut pages = s3.list_objects_v2().bucket(bucket).into_paginator().send();
    let mut keys = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let objects = page.expect("listed").contents.unwrap_or_default();
        keys.extend(objects.into_iter().filter_map(|object| object.key));
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(pairs: &[(&str, &str)]) -> (String, Item) {
        let item = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), AttributeValue::S((*value).to_owned())));
        (pairs[0].1.to_owned(), item.collect())
    }

    const ID: &str = "0192f1a0-0000-7000-8000-00000000000a";

    fn key(file: &str) -> String {
        format!("foods/{ID}/{ID}/{file}")
    }

    fn stored() -> Snapshot {
        Snapshot {
            users: BTreeMap::from([
                item(&[("pk", "USER#1"), ("id", "1"), ("email", "Ada@example.com")]),
                item(&[("pk", "EMAIL#ada@example.com"), ("user_id", "1")]),
                item(&[("pk", "LEFT#2"), ("id", "2")]),
            ]),
            foods: BTreeMap::from([
                item(&[
                    ("pk", "FOOD#3"),
                    ("id", ID),
                    ("title", "Soup"),
                    ("image_id", ID),
                    ("image_sizes", "4x3"),
                ]),
                item(&[("pk", "TITLE#soup"), ("food_id", ID)]),
            ]),
            sessions: Vec::new(),
            renditions: ["4.jpg", "4.webp", "5.jpg"].map(key).into(),
        }
    }

    #[test]
    fn consistent_data_has_no_contradictions() {
        assert_eq!(stored().violations(), Vec::<String>::new());
        assert_eq!(stored().orphans(), 1);
    }

    #[test]
    fn each_contradiction_is_reported() {
        let (shown, orphan) = (key("4.webp"), key("5.jpg"));
        let no_rendition = format!("no rendition {shown}");
        for (missing, contradiction) in [
            ("USER#1", Some("EMAIL#ada@example.com is nobody's")),
            (
                "EMAIL#ada@example.com",
                Some("EMAIL#ada@example.com is of None"),
            ),
            ("FOOD#3", Some("TITLE#soup is nobody's")),
            ("TITLE#soup", Some("TITLE#soup is of None")),
            (&shown, Some(no_rendition.as_str())),
            (&orphan, None),
        ] {
            let mut stored = stored();
            stored.users.remove(missing);
            stored.foods.remove(missing);
            stored.renditions.remove(missing);
            assert!(stored.violations().iter().eq(contradiction), "{missing}");
        }
        let mut stored = stored();
        stored
            .foods
            .extend([item(&[("pk", "TITLE#soup"), ("food_id", "4")])]);
        assert_eq!(stored.violations(), ["TITLE#soup is of Some(\"4\")"]);
    }
}
