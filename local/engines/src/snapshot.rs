//! Reads all data of the tables and the bucket of images, and checks its consistency, for tests.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::food::Title;
use domain::id::{FoodId, ImageId};
use domain::image::{Image, Sizes};
use domain::user::Email;

use crate::TableNames;

/// A `DynamoDB` item: attribute values by name.
pub type Item = HashMap<String, AttributeValue>;

/// The contents of the tables, and the keys in the bucket of images, read while no client writes.
#[derive(Debug)]
pub struct Snapshot {
    /// Accounts, items that reserve an e-mail (claims), and tombstones of deleted users, by partition key.
    pub users: BTreeMap<String, Item>,
    /// Foods, and items that reserve a title (claims), by partition key.
    pub foods: BTreeMap<String, Item>,
    /// The items of the sessions table.
    pub sessions: Vec<Item>,
    /// The items of the likes table.
    pub likes: Vec<Item>,
    /// The keys of all objects in the bucket of images.
    pub renditions: BTreeSet<String>,
}

/// Returns the string attribute `name`. Panics if the attribute is missing or of another type.
pub fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item[name].as_s().expect("a string")
}

impl Snapshot {
    /// Reads all tables, and the keys in the bucket of images. Panics on errors.
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
            likes: scan(dynamodb, &tables.likes).await,
            renditions: list(s3, bucket).await,
        }
    }

    /// Lists inconsistencies. Every user must have exactly one e-mail claim, every food exactly one title
    /// claim, all its renditions, and as many likes as are counted; a claim without a user or food is a violation.
    pub fn violations(&self) -> Vec<String> {
        let email = |account: &Item| {
            let email = Email::parse(text(account, "email")).expect("an e-mail");
            format!("EMAIL#{}", email.folded())
        };
        let title = |food: &Item| {
            let title = Title::parse(text(food, "title")).expect("a title");
            format!("TITLE#{}", title.folded())
        };
        let emails = ["USER#", "EMAIL#", "user_id"];
        let titles = ["FOOD#", "TITLE#", "food_id"];
        let mut violations = check_claims(&self.users, emails, email);
        violations.extend(check_claims(&self.foods, titles, title));
        for missing in self.referenced().difference(&self.renditions) {
            violations.push(format!("no rendition {missing}"));
        }
        violations.extend(check_counts(&self.likes));
        violations
    }

    /// Returns the number of renditions that no food refers to.
    pub fn orphans(&self) -> usize {
        self.renditions.difference(&self.referenced()).count()
    }

    fn referenced(&self) -> BTreeSet<String> {
        let foods = with_prefix(&self.foods, "FOOD#");
        foods.flat_map(|(_, food)| rendition_keys(food)).collect()
    }
}

/// Returns the S3 keys of the renditions of a food.
fn rendition_keys(food: &Item) -> Vec<String> {
    let id = FoodId::parse(text(food, "id")).expect("an id");
    let image = Image {
        id: ImageId::parse(text(food, "image_id")).expect("an id"),
        sizes: Sizes::parse(text(food, "image_sizes")).expect("sizes"),
    };
    image.rendition_keys(id).iter().map(ToString::to_string).collect()
}

/// Lists owners (users or foods) without a claim that holds their id, and claims without an owner.
fn check_claims(
    items: &BTreeMap<String, Item>,
    [owners, claims, owner_id]: [&str; 3],
    claim: impl Fn(&Item) -> String,
) -> Vec<String> {
    let mut violations = Vec::new();
    let mut expected = BTreeSet::new();
    for (_, item) in with_prefix(items, owners) {
        let claim = claim(item);
        let owner = items.get(&claim).map(|claim| text(claim, owner_id));
        if owner != Some(text(item, "id")) {
            violations.push(format!("{claim} belongs to {owner:?}"));
        }
        expected.insert(claim);
    }
    let unowned = with_prefix(items, claims).filter(|(key, _)| !expected.contains(*key));
    violations.extend(unowned.map(|(key, _)| format!("{key} has no owner")));
    violations
}

/// Lists foods whose number of likes differs from their stored likes.
fn check_counts(items: &[Item]) -> Vec<String> {
    let mut likes: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for item in items {
        let (key, kind) = (text(item, "pk"), text(item, "sk"));
        if let Some(food) = kind.strip_prefix("LIKE#") {
            likes.entry(food).or_default().0 += 1;
        } else if kind.starts_with("COUNT#") {
            let counted: u64 = item["likes"].as_n().expect("a number").parse().expect("a count");
            likes.entry(key.trim_start_matches("FOOD#")).or_default().1 += counted;
        }
    }
    let differ = likes.into_iter().filter(|(_, (stored, counted))| stored != counted);
    let violation =
        |(food, (stored, counted))| format!("{food} has {stored} likes, but {counted} are counted");
    differ.map(violation).collect()
}

fn with_prefix<'a>(
    items: &'a BTreeMap<String, Item>,
    prefix: &str,
) -> impl Iterator<Item = (&'a String, &'a Item)> {
    items.iter().filter(move |(key, _)| key.starts_with(prefix))
}

fn by_key(items: Vec<Item>) -> BTreeMap<String, Item> {
    let keyed = items.into_iter().map(|item| (text(&item, "pk").to_owned(), item));
    keyed.collect()
}

async fn scan(dynamodb: &aws_sdk_dynamodb::Client, table: &str) -> Vec<Item> {
    let scan = dynamodb.scan().table_name(table).consistent_read(true);
    let pages = scan.into_paginator().items().send();
    pages.collect::<Result<_, _>>().await.expect("the table is readable")
}

async fn list(s3: &aws_sdk_s3::Client, bucket: &str) -> BTreeSet<String> {
    let mut pages = s3.list_objects_v2().bucket(bucket).into_paginator().send();
    let mut keys = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let objects = page.expect("the bucket is readable").contents.unwrap_or_default();
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

    fn count(likes: &str) -> Item {
        let (_, mut count) = item(&[("pk", "FOOD#3"), ("sk", "COUNT#7")]);
        count.insert("likes".to_owned(), AttributeValue::N(likes.to_owned()));
        count
    }

    fn consistent() -> Snapshot {
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
            likes: vec![item(&[("pk", "USER#1"), ("sk", "LIKE#3")]).1, count("1")],
            renditions: ["4.jpg", "4.webp", "5.jpg"].map(key).into(),
        }
    }

    #[test]
    fn consistent_snapshot_has_no_violations() {
        assert_eq!(consistent().violations(), Vec::<String>::new());
        assert_eq!(consistent().orphans(), 1);
    }

    #[test]
    fn snapshot_missing_claim_or_rendition_has_violation() {
        let (referenced, orphan) = (key("4.webp"), key("5.jpg"));
        let no_rendition = format!("no rendition {referenced}");
        for (missing, violation) in [
            ("USER#1", Some("EMAIL#ada@example.com has no owner")),
            ("EMAIL#ada@example.com", Some("EMAIL#ada@example.com belongs to None")),
            ("FOOD#3", Some("TITLE#soup has no owner")),
            ("TITLE#soup", Some("TITLE#soup belongs to None")),
            (&referenced, Some(no_rendition.as_str())),
            (&orphan, None),
        ] {
            let mut snapshot = consistent();
            snapshot.users.remove(missing);
            snapshot.foods.remove(missing);
            snapshot.renditions.remove(missing);
            assert!(snapshot.violations().iter().eq(violation), "{missing}");
        }
        let mut snapshot = consistent();
        snapshot.foods.extend([item(&[("pk", "TITLE#soup"), ("food_id", "4")])]);
        assert_eq!(snapshot.violations(), ["TITLE#soup belongs to Some(\"4\")"]);
    }

    #[test]
    fn snapshot_with_wrong_number_of_likes_has_violation() {
        let mut snapshot = consistent();
        snapshot.likes[1] = count("2");
        assert_eq!(snapshot.violations(), ["3 has 1 likes, but 2 are counted"]);
        snapshot.likes.pop();
        assert_eq!(snapshot.violations(), ["3 has 1 likes, but 0 are counted"]);
    }
}
