//! What the old service stored, read as values of the domain.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt::Display;
use std::path::Path;

use domain::clock::Timestamp;
use domain::food::{Description, Title};
use domain::id::{FoodId, UserId};
use domain::image::{Image, ImageKey};
use domain::password::PasswordHash;
use domain::user::{Email, PublicUser, User, UserName};
use ring::digest::{Context, SHA256};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{PrimitiveDateTime, UtcOffset};

use crate::export::{ExportError, Row, read};

/// A row, read.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) line: u64,
    /// `None` when it is no number: then it may be anything, and is not repeated.
    pub(crate) old_id: Option<u64>,
    pub(crate) content: Content<T>,
}

#[derive(Debug)]
pub(crate) enum Content<T> {
    Right(T),
    /// What is wrong, without a word of what is written there.
    Wrong(String),
    /// The old service only marked it as deleted.
    Deleted,
}

#[derive(Debug)]
pub(crate) struct OldUser {
    pub(crate) user: User,
    pub(crate) password: PasswordHash,
}

#[derive(Debug)]
pub(crate) struct OldFood {
    pub(crate) id: FoodId,
    /// The old id of the user.
    pub(crate) owner: u64,
    pub(crate) title: Title,
    pub(crate) description: Description,
    /// A URL or the name of a file.
    pub(crate) picture: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl OldFood {
    /// The same for the same picture, so that an upload cut short is done again in its place.
    pub(crate) fn key(&self, image: &Image) -> ImageKey {
        let upload = FoodId::from_bytes(stable_id(self.created_at, &[b"picture:", image.bytes()]));
        let (food, extension) = (self.id, image.kind().extension());
        ImageKey::parse(&format!("foods/{food}/{upload}.{extension}"))
            .expect("a key as `new` makes it")
    }
}

/// The rows of the table `users`.
pub(crate) fn users(path: &Path) -> Result<Vec<Entry<OldUser>>, ExportError> {
    let columns = ["first_name", "last_name", "email", "password", "created_at"];
    let address = |user: &OldUser| user.user.email.folded().to_owned();
    Ok(entries(read(path, columns)?, user, "email", address))
}

fn user(
    [first_name, last_name, email, password, created_at]: [String; 5],
    old_id: u64,
) -> Result<OldUser, String> {
    let mut wrong = Wrong::default();
    let first_name = wrong.unless("first_name", UserName::parse(&unescaped(&first_name)));
    let last_name = wrong.unless("last_name", UserName::parse(&unescaped(&last_name)));
    let email = wrong.unless("email", Email::parse(&unescaped(&email)));
    let password = wrong.unless("password", bcrypt(password));
    let created_at = wrong.unless("created_at", timestamp(&created_at));
    let read = || {
        let created_at = created_at?;
        let id = stable_id(created_at, &[b"user:", old_id.to_string().as_bytes()]);
        let public = PublicUser {
            id: UserId::from_bytes(id),
            first_name: first_name?,
            last_name: last_name?,
        };
        let user = User {
            public,
            email: email?,
            created_at,
        };
        Some(OldUser {
            user,
            password: password?,
        })
    };
    read().ok_or_else(|| wrong.all())
}

/// The rows of the table `foods`.
pub(crate) fn foods(path: &Path) -> Result<Vec<Entry<OldFood>>, ExportError> {
    let columns = [
        "user_id",
        "title",
        "description",
        "food_image",
        "created_at",
        "updated_at",
    ];
    let title = |food: &OldFood| food.title.folded();
    Ok(entries(read(path, columns)?, food, "title", title))
}

fn food(
    [owner, title, description, picture, created_at, updated_at]: [String; 6],
    old_id: u64,
) -> Result<OldFood, String> {
    let mut wrong = Wrong::default();
    let owner = wrong.unless("user_id", owner.parse().map_err(|_| "not a number"));
    let title = wrong.unless("title", Title::parse(&unescaped(&title)));
    let description = Description::sanitize(&unescaped(&description));
    let description = wrong.unless("description", description);
    let picture = Some(picture.trim().to_owned()).filter(|picture| !picture.is_empty());
    let picture = wrong.unless("food_image", picture.ok_or("empty"));
    let created_at = wrong.unless("created_at", timestamp(&created_at));
    let updated_at = match updated_at.as_str() {
        "" => created_at,
        raw => wrong.unless("updated_at", timestamp(raw)),
    };
    let read = || {
        let created_at = created_at?;
        let id = stable_id(created_at, &[b"food:", old_id.to_string().as_bytes()]);
        Some(OldFood {
            id: FoodId::from_bytes(id),
            owner: owner?,
            title: title?,
            description: description?,
            picture: picture?,
            created_at,
            updated_at: updated_at?,
        })
    };
    read().ok_or_else(|| wrong.all())
}

/// Reads each row with `parse`. Of those that have the same `unique` value, the first is right.
fn entries<T, const N: usize>(
    rows: Vec<Row<N>>,
    parse: impl Fn([String; N], u64) -> Result<T, String>,
    column: &str,
    unique: impl Fn(&T) -> String,
) -> Vec<Entry<T>> {
    let mut seen = HashMap::new();
    let entry = |row: Row<N>| {
        let line = row.line;
        let wrong = |why: &str| Entry {
            line,
            old_id: None,
            content: Content::Wrong(why.to_owned()),
        };
        let fields = match row.fields {
            Ok(fields) => fields,
            Err(why) => return wrong(why),
        };
        let Ok(old_id) = fields.id.parse() else {
            return wrong("id: not a number");
        };
        let content = if fields.deleted_at.is_empty() {
            match parse(fields.columns, old_id) {
                Ok(value) => match seen.entry(unique(&value)) {
                    Slot::Vacant(slot) => {
                        slot.insert(line);
                        Content::Right(value)
                    }
                    Slot::Occupied(first) => {
                        Content::Wrong(format!("{column}: the same as in line {}", first.get()))
                    }
                },
                Err(why) => Content::Wrong(why),
            }
        } else {
            Content::Deleted
        };
        Entry {
            line,
            old_id: Some(old_id),
            content,
        }
    };
    rows.into_iter().map(entry).collect()
}

/// All that is wrong with a row.
#[derive(Debug, Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn unless<T>(&mut self, column: &str, parsed: Result<T, impl Display>) -> Option<T> {
        parsed
            .map_err(|why| self.0.push(format!("{column}: {why}")))
            .ok()
    }

    fn all(&self) -> String {
        self.0.join("; ")
    }
}

/// What Go's `html.EscapeString` makes of these characters.
const ESCAPES: [(&str, char); 5] = [
    ("&amp;", '&'),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&#34;", '"'),
    ("&#39;", '\''),
];

/// The text as it was typed. One that the escaping cannot have made was stored unescaped, as some
/// versions of the old service did with descriptions: it stays.
fn unescaped(stored: &str) -> String {
    let mut typed = String::with_capacity(stored.len());
    let mut rest = stored;
    while let Some(next) = rest.chars().next() {
        match ESCAPES.iter().find(|(escape, _)| rest.starts_with(escape)) {
            Some((escape, character)) => {
                typed.push(*character);
                rest = &rest[escape.len()..];
            }
            None if ESCAPES.iter().any(|(_, character)| next == *character) => {
                return stored.to_owned();
            }
            None => {
                typed.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    typed
}

/// The old service's is 10. Each step doubles the time of a login, and at 14 it takes a second.
const COSTS: std::ops::RangeInclusive<u8> = 4..=14;

/// `$2a$10$` and 53 characters, as the infrastructure verifies and replaces it at the next login; of a cost in [`COSTS`].
fn bcrypt(hash: String) -> Result<PasswordHash, &'static str> {
    let is_bcrypt = || {
        let (version, rest) = hash.split_at_checked(4)?;
        let (cost, rest) = rest.split_once('$')?;
        let is_known = matches!(version, "$2a$" | "$2b$" | "$2y$");
        let is_cost = cost.len() == 2 && COSTS.contains(&cost.parse().unwrap_or(0_u8));
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
        Some(is_known && is_cost && rest.len() == 53 && rest.bytes().all(is_base64))
    };
    if is_bcrypt() == Some(true) {
        Ok(PasswordHash::new(hash))
    } else {
        Err("not a bcrypt hash of a usual cost")
    }
}

const DATE_TIME: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]]"
);
const OFFSET: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[offset_hour sign:mandatory][optional [:[offset_minute]]]"
);

/// As `PostgreSQL` writes it: `2020-05-01 12:34:56.789+00`, and in UTC where no offset follows.
fn timestamp(raw: &str) -> Result<Timestamp, &'static str> {
    let parse = || {
        let offset = raw.rfind(['+', '-']).filter(|at| *at > "2020-05-01".len());
        let (date_time, offset) = raw.split_at(offset.unwrap_or(raw.len()));
        let date_time = PrimitiveDateTime::parse(date_time, DATE_TIME).ok()?;
        let offset = match offset {
            "" => UtcOffset::UTC,
            offset => UtcOffset::parse(offset, OFFSET).ok()?,
        };
        let nanos = date_time.assume_offset(offset).unix_timestamp_nanos();
        Timestamp::from_unix_millis(i64::try_from(nanos.div_euclid(1_000_000)).ok()?)
    };
    parse().ok_or("not a time as PostgreSQL writes it, since 1970")
}

/// A `UUIDv7` (RFC 9562) that is the same in every run: the time, and bits of a hash for the random
/// ones.
fn stable_id(at: Timestamp, of: &[&[u8]]) -> [u8; 16] {
    let mut hash = Context::new(&SHA256);
    for part in of {
        hash.update(part);
    }
    let mut id = [0; 16];
    id[6..].copy_from_slice(&hash.finish().as_ref()[..10]);
    id[..6].copy_from_slice(&at.unix_millis().to_be_bytes()[2..]);
    id[6] = id[6] & 0x0F | 0x70;
    id[8] = id[8] & 0x3F | 0x80;
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_escaped_is_as_it_was_typed() {
        for (stored, typed) in [
            ("Mac &amp; cheese", "Mac & cheese"),
            (
                "&lt;p&gt;&#34;Best&#34; &#39;ever&#39;&lt;/p&gt;",
                "<p>\"Best\" 'ever'</p>",
            ),
            ("&amp;lt;", "&lt;"),
            ("Crème 🍲", "Crème 🍲"),
        ] {
            assert_eq!(unescaped(stored), typed);
        }
    }

    #[test]
    fn what_was_stored_unescaped_stays() {
        for stored in [
            "<p>1 &lt; 2</p>",
            "a & b &amp; c",
            "it's &amp;",
            "&nbsp;&amp;",
        ] {
            assert_eq!(unescaped(stored), stored);
        }
    }

    #[test]
    fn times_are_read_as_postgresql_writes_them() {
        for (raw, millis) in [
            ("1970-01-01 00:00:00", 0),
            ("2020-05-01 12:34:56.789+00", 1_588_336_496_789),
            ("2020-05-01 12:34:56.789123+00", 1_588_336_496_789),
            ("2020-05-01 12:34:56", 1_588_336_496_000),
            ("2020-05-01 13:34:56.7+01", 1_588_336_496_700),
            ("2020-05-01 18:04:56+05:30", 1_588_336_496_000),
            ("2020-05-01 09:04:56-03:30", 1_588_336_496_000),
        ] {
            assert_eq!(
                timestamp(raw).map(Timestamp::unix_millis),
                Ok(millis),
                "{raw}"
            );
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for raw in [
            "",
            "infinity",
            "2020-05-01",
            "2020-02-30 00:00:00+00",
            "2020-05-01T12:34:56Z",
            "2020-05-01 12:34:56+",
            "1969-12-31 23:59:59+00",
            "0044-03-15 12:00:00+00 BC",
            "é-é-é é:é:é+é",
        ] {
            assert!(timestamp(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn only_bcrypt_is_taken_for_a_hash() {
        let hash = |hash: &str| bcrypt(hash.to_owned()).is_ok();
        let rest = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        for version in ["2a", "2b", "2y"] {
            assert!(hash(&format!("${version}$10${rest}")));
        }
        for wrong in [
            "",
            "secret",
            "$argon2id$v=19$m=19456,t=2,p=1$AA$AA",
            &format!("$2x$10${rest}"),
            &format!("$2a$03${rest}"),
            &format!("$2a$15${rest}"),
            &format!("$2a$99${rest}"),
            &format!("$2a$1${rest}"),
            &format!("$2a$10${}é", &rest[2..]),
            &format!("$2a$10${rest}A"),
            "é$é$",
        ] {
            assert!(!hash(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_id_is_a_uuid_of_version_7_that_depends_on_kind_and_number() {
        let at = Timestamp::from_unix_millis(1_588_336_496_789).unwrap();
        let id = |of: &[u8]| UserId::from_bytes(stable_id(at, &[of])).to_string();
        assert_ne!(id(b"user:1"), id(b"user:2"));
        assert_ne!(id(b"user:1"), id(b"food:1"));
        // Another one would import everybody again.
        assert_eq!(id(b"user:1"), "0171d03b-9095-7bc3-a47b-8ad18b855c68");
    }
}
