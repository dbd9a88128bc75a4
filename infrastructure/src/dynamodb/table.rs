//! The tables: their keys, indexes and attributes, named once. `template.yaml` makes the same ones.

/// Attribute names and item keys of the table of users.
pub mod users {
    /// Partition key: `USER#<id>` for an account, `EMAIL#<address>` for the claim on its address,
    /// `LEFT#<id>` for an account that is deleted.
    pub const PK: &str = "pk";
    /// Global secondary index of all accounts, and apart of all that are deleted: `directory` (a
    /// constant each) and `id`.
    pub const DIRECTORY_INDEX: &str = "directory";
    /// Partition key of [`DIRECTORY_INDEX`].
    pub const DIRECTORY: &str = "directory";
    /// Sort key of [`DIRECTORY_INDEX`].
    pub const ID: &str = "id";
    /// What [`DIRECTORY_INDEX`] shows beside its keys: no address, no hash.
    pub const DIRECTORY_PROJECTION: [&str; 3] = ["first_name", "last_name", "left_at"];
}

/// Attribute names and item keys of the table of foods.
pub mod foods {
    /// Partition key: `FOOD#<id>` for a food, `TITLE#<folded title>` for the claim on its title,
    /// `UPLOAD#<id>` for the claim on the upload that its image was.
    pub const PK: &str = "pk";
    /// Global secondary index of all foods: `feed` (a constant) and `id`, with all attributes.
    pub const FEED_INDEX: &str = "feed";
    /// Partition key of [`FEED_INDEX`].
    pub const FEED: &str = "feed";
    /// Global secondary index of the foods of one user: `user_id` and `id`, keys only.
    pub const BY_OWNER_INDEX: &str = "by_owner";
    /// Partition key of [`BY_OWNER_INDEX`].
    pub const USER_ID: &str = "user_id";
    /// Sort key of both indexes.
    pub const ID: &str = "id";
    /// When a claim on an upload may go, in seconds since 1970: the table's TTL attribute. Nothing else
    /// has it.
    pub const EXPIRES_AT: &str = "expires_at";
}

/// Attribute names of the table of sessions.
pub mod sessions {
    /// Partition key: the user's id.
    pub const PK: &str = "pk";
    /// Sort key: the session's id.
    pub const SK: &str = "sk";
    /// When the item may go, in seconds since 1970: the table's TTL attribute.
    pub const EXPIRES_AT: &str = "expires_at";
}
