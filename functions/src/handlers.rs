//! The handlers, one file per function. The use case, the binary and the test events have the file's name.
//!
//! The fields of a handler are its adapters, so they show its permissions. Each file has one order: route, adapters,
//! handling (parse, act, respond), bodies, `OpenAPI` operation, tests.

mod change_password;
mod create_food;
mod create_image_upload;
mod create_user;
mod delete_food;
mod delete_user;
mod food_body;
pub(crate) mod food_request;
mod get_current_user;
mod get_docs;
mod get_food;
mod get_openapi;
mod get_user;
mod like_body;
mod like_food;
mod list_food;
mod list_likes;
mod list_sessions;
mod list_user_food;
mod list_users;
mod login;
mod logout;
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
