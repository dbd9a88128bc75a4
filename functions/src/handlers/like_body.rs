//! The JSON body of the likes of a food.

use domain::use_cases::LikeStatus;
use serde::Serialize;

/// The likes of a food, as the user sees them.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Likes))]
pub(super) struct LikeBody {
    /// The number of users who like the food.
    likes: u64,
    /// Whether the user of this request likes the food.
    liked: bool,
}

impl From<LikeStatus> for LikeBody {
    fn from(status: LikeStatus) -> Self {
        Self { likes: status.likes, liked: status.liked }
    }
}
