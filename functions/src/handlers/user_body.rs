//! The JSON body of a user.

use domain::user::PublicUser;
use serde::Serialize;

/// The public data of a user.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = User))]
pub(super) struct UserBody<'a> {
    #[cfg_attr(feature = "openapi", schema(format = "uuid"))]
    id: String,
    first_name: &'a str,
    last_name: &'a str,
}

impl<'a> From<&'a PublicUser> for UserBody<'a> {
    fn from(user: &'a PublicUser) -> Self {
        Self {
            id: user.id.to_string(),
            first_name: user.first_name.as_str(),
            last_name: user.last_name.as_str(),
        }
    }
}
