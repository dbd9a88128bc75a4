//! Names of keys, indexes and attributes. `template.yaml` creates the tables with the same names.

/// Names in the users table.
pub mod users {
    /// Partition key: `USER#<id>` of an account, `EMAIL#<folded e-mail>` of the claim on its e-mail,
    /// `LEFT#<id>` of a tombstone.
    pub const PK: &str = "pk";
    /// Global secondary index that lists accounts and tombstones, each kind in one partition, by `id`.
    pub const DIRECTORY_INDEX: &str = "directory";
    /// Partition key of [`DIRECTORY_INDEX`].
    pub const DIRECTORY: &str = "directory";
    /// Sort key of [`DIRECTORY_INDEX`].
    pub const ID: &str = "id";
    /// Attributes in [`DIRECTORY_INDEX`] besides its keys: no e-mail, no password hash.
    pub const DIRECTORY_PROJECTION: [&str; 3] = ["first_name", "last_name", "left_at"];
}

/// Names in the foods table.
pub mod foods {
    /// Partition key: `FOOD#<id>` of a food, `TITLE#<folded title>` of the claim on its title,
    /// `UPLOAD#<id>` of the claim on its uploaded image.
    pub const PK: &str = "pk";
    /// Global secondary index of all foods: `feed` (a constant) and `id`, all attributes projected.
    pub const FEED_INDEX: &str = "feed";
    /// Partition key of [`FEED_INDEX`].
    pub const FEED: &str = "feed";
    /// Global secondary index of the foods of one user: `user_id` and `id`, keys only.
    pub const BY_OWNER_INDEX: &str = "by_owner";
    /// Partition key of [`BY_OWNER_INDEX`].
    pub const USER_ID: &str = "user_id";
    /// Sort key of [`FEED_INDEX`] and [`BY_OWNER_INDEX`].
    pub const ID: &str = "id";
    /// TTL attribute of an upload claim, in seconds since 1970. No other item has it.
    pub const EXPIRES_AT: &str = "expires_at";
}

/// Names in the likes table.
pub mod likes {
    /// Partition key: `USER#<id>` of a like or a profile, `FOOD#<id>` of counts and neighbours, `TOP`, `MODEL`.
    pub const PK: &str = "pk";
    /// Sort key: `LIKE#<food id>` of a like, `PROFILE`; `COUNT#<shard>`, `NEIGHBOURS`; the name of a list; `PARAMETERS`.
    pub const SK: &str = "sk";
    /// Local secondary index of the likes of one user by time: [`PK`] and [`LIKED_AT`], keys only.
    pub const NEWEST_INDEX: &str = "newest";
    /// Global secondary index of the users who like one food by time: [`BY_FOOD`] and [`LIKED_AT`], keys only.
    pub const LIKERS_INDEX: &str = "likers";
    /// Sort key of both indexes: the time of the like in ms. Only likes have it.
    pub const LIKED_AT: &str = "liked_at";
    /// Partition key of [`LIKERS_INDEX`]: `<food id>#<shard>`. Only likes have it.
    pub const BY_FOOD: &str = "by_food";
}

/// Names in the sessions table, which also holds idempotency records and rate limits.
pub mod sessions {
    /// Partition key: the user id of a session.
    pub const PK: &str = "pk";
    /// Sort key: the session id of a session.
    pub const SK: &str = "sk";
    /// TTL attribute, in seconds since 1970.
    pub const EXPIRES_AT: &str = "expires_at";
}
