//! A user as JSON.

use domain::user::PublicUser;
use serde::Serialize;

/// What everybody may see of a user.
#[derive(Debug, Serialize)]
pub(super) struct UserBody {
    id: String,
    first_name: String,
    last_name: String,
}

impl From<&PublicUser> for UserBody {
    fn from(user: &PublicUser) -> Self {
        Self {
            id: user.id.to_string(),
            first_name: user.first_name.as_str().to_owned(),
            last_name: user.last_name.as_str().to_owned(),
        }
    }
}
