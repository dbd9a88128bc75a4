//! The handlers: one file for each function, named as its use case, its binary and its events.
//!
//! The fields of a handler read as its list of permissions. The file has always the same order: route,
//! wiring, handling (parse, act, respond), shapes, operation, tests.

mod change_password;
mod create_food;
mod create_image_upload;
mod create_user;
mod delete_food;
mod delete_user;
mod food_body;
pub(crate) mod food_request;
mod get_docs;
mod get_food;
mod get_openapi;
mod get_user;
mod list_food;
mod list_sessions;
mod list_users;
mod login;
mod logout;
mod refresh;
mod revoke_session;
mod revoke_sessions;
mod sweep_images;
mod update_food;
mod user_body;

macro_rules! exports {
    (
        routes { $($name:ident $handler:ident $route:tt;)* }
        without_route { $($other:ident $other_handler:ident $trigger:tt;)* }
    ) => {
        $(pub use $name::$handler;)*
        $(pub use $other::$other_handler;)*
    };
}

crate::for_each_function!(exports);
