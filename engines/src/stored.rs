//! All that is stored, and whether it belongs together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::food::Title;
use domain::image::{ImageKey, VariantKey, VariantKind, Variants};

use crate::TableNames;

/// An item of a table.
pub type Item = HashMap<String, AttributeValue>;

/// What the tables and the bucket held at one moment, as nobody wrote.
#[derive(Debug)]
pub struct Stored {
    /// Accounts, claims on addresses, and who left, by `pk`.
    pub users: BTreeMap<String, Item>,
    /// Foods and claims on titles, by `pk`.
    pub foods: BTreeMap<String, Item>,
    /// What is in the table of sessions.
    pub sessions: Vec<Item>,
    /// The keys of the pictures.
    pub pictures: BTreeSet<String>,
    /// The keys of their variants.
    pub variants: BTreeSet<String>,
}

/// A text that an item should have. Panics where it has none: for tests.
pub fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item[name].as_s().expect("a text")
}

impl Stored {
    /// Reads everything. Panics where it cannot: for tests.
    pub async fn read(
        dynamodb: &aws_sdk_dynamodb::Client,
        s3: &aws_sdk_s3::Client,
        tables: &TableNames,
        bucket: &str,
    ) -> Self {
        let mut objects = list(s3, bucket).await;
        // In the order of keys: foods, uploads, variants.
        let variants = objects.split_off("variants/");
        objects.split_off("uploads/");
        Self {
            users: by_key(scan(dynamodb, &tables.users).await),
            foods: by_key(scan(dynamodb, &tables.foods).await),
            sessions: scan(dynamodb, &tables.sessions).await,
            pictures: objects,
            variants,
        }
    }

    /// What should not be: every user has exactly its claim, every food exactly its claim, a picture, and the
    /// variants that it shows.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let emails = claims(&self.users, "USER#", "user_id", &mut found, |account| {
            format!("EMAIL#{}", text(account, "email").to_lowercase())
        });
        compare("EMAIL#", &self.users, &emails, &mut found);
        let titles = claims(&self.foods, "FOOD#", "food_id", &mut found, |food| {
            let title = Title::parse(text(food, "title")).expect("a title");
            format!("TITLE#{}", title.folded())
        });
        compare("TITLE#", &self.foods, &titles, &mut found);
        for missing in self.shown().difference(&self.pictures) {
            found.push(format!("no picture {missing}"));
        }
        for missing in self.shown_variants().difference(&self.variants) {
            found.push(format!("no variant {missing}"));
        }
        found
    }

    /// How many pictures no food shows.
    pub fn orphans(&self) -> usize {
        self.pictures.difference(&self.shown()).count()
    }

    fn shown_variants(&self) -> BTreeSet<String> {
        let foods = starting(&self.foods, "FOOD#");
        let variants = foods.filter_map(|(_, food)| {
            let sizes = food.get("variants").map(|_| text(food, "variants"));
            sizes.map(|sizes| variants(text(food, "image_key"), sizes))
        });
        variants.flatten().collect()
    }

    fn shown(&self) -> BTreeSet<String> {
        let foods = starting(&self.foods, "FOOD#");
        foods
            .map(|(_, food)| text(food, "image_key").to_owned())
            .collect()
    }
}

/// The keys of the variants of these sizes.
fn variants(image: &str, sizes: &str) -> Vec<String> {
    let image = ImageKey::parse(image).expect("a key");
    let variants = Variants::parse(sizes).expect("sizes");
    let keys = variants.sizes().iter();
    let keys =
        keys.flat_map(|size| VariantKind::ALL.map(|kind| VariantKey::new(&image, *size, kind)));
    keys.map(|key| key.as_str().to_owned()).collect()
}

/// The claims that there should be, each with what is wrong with it.
fn claims(
    items: &BTreeMap<String, Item>,
    start: &str,
    owner: &str,
    found: &mut Vec<String>,
    claim: impl Fn(&Item) -> String,
) -> BTreeSet<String> {
    let mut claims = BTreeSet::new();
    for (_, item) in starting(items, start) {
        let claim = claim(item);
        let claimed = items.get(&claim).map(|claim| text(claim, owner));
        if claimed != Some(text(item, "id")) {
            found.push(format!("{claim} is of {claimed:?}"));
        }
        claims.insert(claim);
    }
    claims
}

fn starting<'a>(
    items: &'a BTreeMap<String, Item>,
    start: &str,
) -> impl Iterator<Item = (&'a String, &'a Item)> {
    items.iter().filter(move |(key, _)| key.starts_with(start))
}

/// Whether there are other claims than there should be.
fn compare(
    start: &str,
    items: &BTreeMap<String, Item>,
    claims: &BTreeSet<String>,
    found: &mut Vec<String>,
) {
    for (key, _) in starting(items, start) {
        if !claims.contains(key) {
            found.push(format!("{key} is nobody's"));
        }
    }
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
        let page = page.expect("listed");
        keys.extend(
            page.contents()
                .iter()
                .filter_map(|object| object.key().map(str::to_owned)),
        );
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

    fn stored() -> Stored {
        Stored {
            users: BTreeMap::from([
                item(&[("pk", "USER#1"), ("id", "1"), ("email", "Ada@example.com")]),
                item(&[("pk", "EMAIL#ada@example.com"), ("user_id", "1")]),
                item(&[("pk", "LEFT#2"), ("id", "2")]),
            ]),
            foods: BTreeMap::from([
                item(&[
                    ("pk", "FOOD#3"),
                    ("id", "3"),
                    ("title", "Soup"),
                    ("image_key", "a"),
                ]),
                item(&[("pk", "TITLE#soup"), ("food_id", "3")]),
            ]),
            sessions: Vec::new(),
            pictures: BTreeSet::from(["a".to_owned(), "b".to_owned()]),
            variants: BTreeSet::new(),
        }
    }

    #[test]
    fn what_belongs_together_contradicts_nothing() {
        assert_eq!(stored().contradictions(), Vec::<String>::new());
        assert_eq!(stored().orphans(), 1);
    }

    #[test]
    fn whatever_is_alone_is_told() {
        let without = |key: &str| {
            let mut stored = stored();
            stored.users.remove(key);
            stored.foods.remove(key);
            stored.pictures.remove(key);
            stored.contradictions()
        };
        assert_eq!(without("USER#1"), ["EMAIL#ada@example.com is nobody's"]);
        assert_eq!(
            without("EMAIL#ada@example.com"),
            ["EMAIL#ada@example.com is of None"]
        );
        assert_eq!(without("FOOD#3"), ["TITLE#soup is nobody's"]);
        assert_eq!(without("TITLE#soup"), ["TITLE#soup is of None"]);
        assert_eq!(without("a"), ["no picture a"]);
        assert_eq!(without("b"), Vec::<String>::new());

        let mut stored = stored();
        let claim = item(&[("pk", "TITLE#soup"), ("food_id", "4")]);
        stored.foods.extend([claim]);
        assert_eq!(stored.contradictions(), ["TITLE#soup is of Some(\"4\")"]);
    }
}
