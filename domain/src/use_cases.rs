//! The operations of the API, one per file. Public lists have no business rules, so their handlers call the
//! ports directly.
//!
//! The arguments of a use case are the ports that it calls, as in the IAM policy of its Lambda function.
//!
//! A use case that writes takes an [`AuthenticatedUser`], which only a valid session creates, and the entity
//! as the handler read it. The handler can therefore read the entity and check the session concurrently,
//! and no write happens without a valid session.

mod attach_image;
mod authenticate;
mod change_password;
mod create_food;
mod create_image_upload;
mod create_session;
mod create_user;
mod delete_food;
mod delete_user;
mod food_input;
mod get_current_user;
mod get_food;
mod get_user;
mod like_food;
mod list_likes;
mod list_sessions;
mod list_user_food;
mod listed_foods;
mod login;
mod logout;
mod lookup_error;
mod rate_limit;
mod recommend;
mod refresh;
mod revoke_session;
mod revoke_sessions;
mod similar_food;
mod sweep_images;
mod train_recommendations;
mod unlike_food;
mod update_food;
mod update_recommendations;

#[cfg(test)]
mod test_support;

pub use attach_image::{ImagePipeline, render_image, store_image};
pub use authenticate::{
    AuthenticatedUser, CheckSessionError, PasswordOwner, TokenIdentity, authenticate,
    authenticate_deletion, authenticate_password_change, verify_access_token,
};
pub use change_password::{
    ChangePasswordError, InvalidPasswordChange, InvalidPasswordChangeField, PasswordChange,
    change_password,
};
pub use create_food::{CreateFoodError, create_food};
pub use create_image_upload::{ImageUpload, UPLOAD_LIFETIME, create_image_upload};
pub use create_session::create_session;
pub use create_user::{CreateUserError, InvalidUser, InvalidUserField, NewUser, create_user};
pub use delete_food::{DeleteFoodError, delete_food};
pub use delete_user::{DeleteUserError, delete_user};
pub use food_input::{FoodInput, InvalidFood, InvalidFoodField};
pub use get_current_user::get_current_user;
pub use get_food::{FoodView, get_food};
pub use get_user::get_user;
pub use like_food::{LikeFoodError, LikeStatus, like_food};
pub use list_likes::{list_liked_among, list_likes};
pub use list_sessions::{ListedSession, SessionPage, list_sessions};
pub use list_user_food::list_user_food;
pub use listed_foods::FoodPage;
pub use login::{InvalidLogin, InvalidLoginField, LoggedIn, LoginAttempt, LoginError, login};
pub use logout::{logout, logout_by_refresh_token};
pub use lookup_error::LookupError;
pub use rate_limit::{RateLimitError, RateLimitPermit, check_rate_limit};
pub use recommend::{Reason, Recommendation, recommend};
pub use refresh::{RefreshError, refresh};
pub use revoke_session::revoke_session;
pub use revoke_sessions::{RevokeScope, revoke_sessions};
pub use similar_food::similar_food;
pub use sweep_images::{GcReport, SweepError, sweep_images};
pub use train_recommendations::{Rewrite, TrainingReport, train_recommendations};
pub use unlike_food::{delete_likes, unlike_food};
pub use update_food::{UpdateFoodError, update_food};
pub use update_recommendations::{Change, UpdateReport, update_recommendations};
