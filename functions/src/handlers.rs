//! What each route does: one file per route, named as its use case, its binary and its events.
//!
//! A handler's fields read as its function's list of permissions. Its file always has the same
//! order: route, wiring, parse – act – answer, shapes.

mod change_password;
mod create_food;
mod create_image_upload;
mod create_user;
mod delete_food;
mod delete_user;
mod end_session;
mod end_sessions;
mod food_body;
mod get_docs;
mod get_food;
mod get_openapi;
mod get_user;
mod list_food;
mod list_sessions;
mod list_users;
mod login;
mod logout;
mod process_image;
mod refresh;
mod sweep_images;
mod update_food;
mod user_body;

pub use change_password::ChangePassword;
pub use create_food::CreateFood;
pub use create_image_upload::CreateImageUpload;
pub use create_user::CreateUser;
pub use delete_food::DeleteFood;
pub use delete_user::DeleteUser;
pub use end_session::EndSession;
pub use end_sessions::EndSessions;
pub use get_docs::GetDocs;
pub use get_food::GetFood;
pub use get_openapi::GetOpenapi;
pub use get_user::GetUser;
pub use list_food::ListFood;
pub use list_sessions::ListSessions;
pub use list_users::ListUsers;
pub use login::Login;
pub use logout::Logout;
pub use process_image::ProcessImage;
pub use refresh::Refresh;
pub use sweep_images::SweepImages;
pub use update_food::UpdateFood;
