//! Rows of the old service's tables, parsed into values of the domain.

use std::fmt::Display;

use domain::clock::Timestamp;
use domain::food::{Description, Title};
use domain::id::{FoodId, ImageId, UserId};
use domain::password::PasswordHash;
use domain::user::{Email, PublicUser, User, UserName};
use ring::digest::{Context, SHA256};
use serde::Deserialize;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{PrimitiveDateTime, UtcOffset};

use crate::export::Row;

#[derive(Debug)]
pub(crate) struct OldUser {
    pub(crate) user: User,
    pub(crate) password: PasswordHash,
}

#[derive(Debug)]
pub(crate) struct OldFood {
    pub(crate) id: FoodId,
    /// The id that the owner of the food had in the old service.
    pub(crate) owner: u64,
    pub(crate) title: Title,
    pub(crate) description: Description,
    /// The location of the food's image: a URL or a file name.
    pub(crate) image: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl OldFood {
    /// Returns the id for an image with these bytes. The id is always the same, so that a repeated import overwrites
    /// the objects of an earlier one.
    pub(crate) fn image_id(&self, bytes: &[u8]) -> ImageId {
        ImageId::from_bytes(stable_id(self.created_at, &[b"image:", bytes]))
    }
}

/// A row of the old service's table `users`, as text.
#[derive(Deserialize)]
pub(crate) struct UserRow {
    id: String,
    first_name: String,
    last_name: String,
    email: String,
    password: String,
    created_at: String,
    deleted_at: String,
}

impl Row for UserRow {
    type Value = OldUser;
    const UNIQUE: &str = "email";

    fn id(&self) -> &str {
        &self.id
    }

    fn deleted_at(&self) -> &str {
        &self.deleted_at
    }

    fn unique(value: &OldUser) -> String {
        value.user.email.folded().to_owned()
    }

    fn parse(self, old_id: u64) -> Result<OldUser, String> {
        let mut errors = Errors::default();
        let first_name = UserName::parse(&unescaped(&self.first_name));
        let first_name = errors.check("first_name", first_name);
        let last_name = UserName::parse(&unescaped(&self.last_name));
        let last_name = errors.check("last_name", last_name);
        let email = errors.check("email", Email::parse(&unescaped(&self.email)));
        let password = errors.check("password", bcrypt(self.password));
        let created_at = errors.check("created_at", timestamp(&self.created_at));
        let (Some(first_name), Some(last_name), Some(email), Some(password), Some(created_at)) =
            (first_name, last_name, email, password, created_at)
        else {
            return Err(errors.join());
        };
        let id = stable_id(created_at, &[b"user:", old_id.to_string().as_bytes()]);
        let public = PublicUser { id: UserId::from_bytes(id), first_name, last_name };
        let user = User { public, email, created_at };
        Ok(OldUser { user, password })
    }
}

/// A row of the old service's table `foods`, as text.
#[derive(Deserialize)]
pub(crate) struct FoodRow {
    id: String,
    user_id: String,
    title: String,
    description: String,
    food_image: String,
    created_at: String,
    updated_at: String,
    deleted_at: String,
}

impl Row for FoodRow {
    type Value = OldFood;
    const UNIQUE: &str = "title";

    fn id(&self) -> &str {
        &self.id
    }

    fn deleted_at(&self) -> &str {
        &self.deleted_at
    }

    fn unique(value: &OldFood) -> String {
        value.title.folded()
    }

    fn parse(self, old_id: u64) -> Result<OldFood, String> {
        let mut errors = Errors::default();
        let owner = self.user_id.parse().map_err(|_| "not a number");
        let owner = errors.check("user_id", owner);
        let title = errors.check("title", Title::parse(&unescaped(&self.title)));
        let description = Description::sanitize(&unescaped(&self.description));
        let description = errors.check("description", description);
        let image = Some(self.food_image.trim()).filter(|image| !image.is_empty());
        let image = errors.check("food_image", image.ok_or("empty"));
        let created_at = errors.check("created_at", timestamp(&self.created_at));
        let updated_at = match self.updated_at.as_str() {
            "" => created_at,
            raw => errors.check("updated_at", timestamp(raw)),
        };
        let (Some(owner), Some(title), Some(description), Some(image)) =
            (owner, title, description, image)
        else {
            return Err(errors.join());
        };
        let (Some(created_at), Some(updated_at)) = (created_at, updated_at) else {
            return Err(errors.join());
        };
        let id = stable_id(created_at, &[b"food:", old_id.to_string().as_bytes()]);
        Ok(OldFood {
            id: FoodId::from_bytes(id),
            owner,
            title,
            description,
            image: image.to_owned(),
            created_at,
            updated_at,
        })
    }
}

/// The errors of a row, one for each invalid column.
#[derive(Debug, Default)]
struct Errors(Vec<String>);

impl Errors {
    fn check<T>(&mut self, column: &str, parsed: Result<T, impl Display>) -> Option<T> {
        parsed.map_err(|error| self.0.push(format!("{column}: {error}"))).ok()
    }

    fn join(&self) -> String {
        self.0.join("; ")
    }
}

/// The escape sequences of Go's `html.EscapeString` with the characters that they replace.
const ESCAPES: [(&str, char); 5] =
    [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&#34;", '"'), ("&#39;", '\'')];

/// Reverses the HTML escaping of the old service, which was written in Go. Text that Go's escaping cannot have
/// produced is returned unchanged, because some versions of the old service stored descriptions unescaped.
fn unescaped(stored: &str) -> String {
    let mut rest = stored.to_owned();
    for (escape, _) in ESCAPES {
        rest = rest.replace(escape, " ");
    }
    if rest.contains(ESCAPES.map(|(_, character)| character)) {
        return stored.to_owned();
    }
    // The ampersand last, because the other escapes begin with it.
    let mut text = stored.to_owned();
    for (escape, character) in ESCAPES.into_iter().rev() {
        text = text.replace(escape, character.encode_utf8(&mut [0; 4]));
    }
    text
}

/// The accepted bcrypt costs. The old service used 10. Each increment doubles the time of a login; 14 takes a second.
const COSTS: std::ops::RangeInclusive<u8> = 4..=14;

/// Accepts a bcrypt hash with a cost in [`COSTS`], such as `$2a$10$` and 53 characters. The next login replaces the
/// hash by Argon2id.
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
        Err("not a bcrypt hash of cost 4 to 14")
    }
}

const DATE_TIME: &[BorrowedFormatItem<'_>] = format_description!(
    version = 2,
    "[year]-[month]-[day] [hour]:[minute]:[second][optional [.[subsecond]]]"
);
const OFFSET: &[BorrowedFormatItem<'_>] =
    format_description!(version = 2, "[offset_hour sign:mandatory][optional [:[offset_minute]]]");

/// Parses a `PostgreSQL` timestamp such as `2020-05-01 12:34:56.789+00`. A timestamp without an offset is in UTC.
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
    parse().ok_or("not a PostgreSQL timestamp since 1970")
}

/// Returns a reproducible `UUIDv7` (RFC 9562): the timestamp `at`, and a hash of `of` instead of random bits.
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
    fn only_go_escaped_html_is_unescaped() {
        for (stored, expected) in [
            ("Mac &amp; cheese", "Mac & cheese"),
            ("&lt;p&gt;&#34;Best&#34; &#39;ever&#39;&lt;/p&gt;", "<p>\"Best\" 'ever'</p>"),
            ("&amp;lt;", "&lt;"),
            ("Crème 🍲", "Crème 🍲"),
            // Stored unescaped.
            ("<p>1 &lt; 2</p>", "<p>1 &lt; 2</p>"),
            ("it's &amp;", "it's &amp;"),
            ("&nbsp;&amp;", "&nbsp;&amp;"),
            ("&l&amp;t;", "&l&amp;t;"),
        ] {
            assert_eq!(unescaped(stored), expected);
        }
    }

    #[test]
    fn only_postgresql_timestamps_since_1970_are_parsed() {
        for (raw, millis) in [
            ("1970-01-01 00:00:00", Some(0)),
            ("2020-05-01 12:34:56.789123+00", Some(1_588_336_496_789)),
            ("2020-05-01 12:34:56", Some(1_588_336_496_000)),
            ("2020-05-01 13:34:56.7+01", Some(1_588_336_496_700)),
            ("2020-05-01 18:04:56+05:30", Some(1_588_336_496_000)),
            ("2020-05-01 09:04:56-03:30", Some(1_588_336_496_000)),
            ("", None),
            ("infinity", None),
            ("2020-05-01", None),
            ("2020-02-30 00:00:00+00", None),
            ("2020-05-01T12:34:56Z", None),
            ("1969-12-31 23:59:59+00", None),
            ("0044-03-15 12:00:00+00 BC", None),
            ("é-é-é é:é:é+é", None),
        ] {
            let parsed = timestamp(raw).ok().map(Timestamp::unix_millis);
            assert_eq!(parsed, millis, "{raw}");
        }
    }

    #[test]
    fn only_bcrypt_hash_of_cost_4_to_14_is_accepted() {
        let rest = "CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        for (hash, is_accepted) in [
            (format!("$2a$10${rest}"), true),
            (format!("$2b$04${rest}"), true),
            (format!("$2y$14${rest}"), true),
            (format!("$2x$10${rest}"), false),
            (format!("$2a$03${rest}"), false),
            (format!("$2a$15${rest}"), false),
            (format!("$2a$1${rest}"), false),
            (format!("$2a$10${}é", &rest[2..]), false),
            (format!("$2a$10${rest}A"), false),
            ("$argon2id$v=19$m=19456,t=2,p=1$AA$AA".to_owned(), false),
            ("é$é$".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(bcrypt(hash.clone()).is_ok(), is_accepted, "{hash}");
        }
    }

    #[test]
    fn stable_id_is_a_reproducible_uuid_v7() {
        let at = Timestamp::from_unix_millis(1_588_336_496_789).unwrap();
        let id = |of: &[u8]| UserId::from_bytes(stable_id(at, &[of])).to_string();
        assert_ne!(id(b"user:1"), id(b"user:2"));
        // Another id would import existing users again.
        assert_eq!(id(b"user:1"), "0171d03b-9095-7bc3-a47b-8ad18b855c68");
    }
}
