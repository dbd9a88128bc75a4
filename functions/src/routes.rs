//! The routes of the API.

/// One route, which is one function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The name of its binary, its use case and its events.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path as API Gateway has it, parameters in braces.
    pub path: &'static str,
    /// Whether it wants an access token.
    pub signed_in: bool,
}

const fn route(
    name: &'static str,
    method: &'static str,
    path: &'static str,
    signed_in: bool,
) -> Route {
    Route {
        name,
        method,
        path,
        signed_in,
    }
}

/// Every route.
pub const ROUTES: [Route; 19] = [
    route("create_user", "POST", "/users", false),
    route("list_users", "GET", "/users", false),
    route("get_user", "GET", "/users/{user_id}", false),
    route("change_password", "PUT", "/users/me/password", true),
    route("delete_user", "DELETE", "/users/me", true),
    route("login", "POST", "/login", false),
    route("logout", "POST", "/logout", true),
    route("refresh", "POST", "/refresh", false),
    route("list_sessions", "GET", "/sessions", true),
    route("end_session", "DELETE", "/sessions/{session_id}", true),
    route("end_sessions", "DELETE", "/sessions", true),
    route("create_food", "POST", "/food", true),
    route("create_image_upload", "POST", "/food/images", true),
    route("list_food", "GET", "/food", false),
    route("get_food", "GET", "/food/{food_id}", false),
    route("update_food", "PUT", "/food/{food_id}", true),
    route("delete_food", "DELETE", "/food/{food_id}", true),
    route("get_openapi", "GET", "/openapi.json", false),
    route("get_docs", "GET", "/docs", false),
];

/// Functions without a route: one that is told of every picture that is saved, and one that the clock calls.
pub const WITHOUT_ROUTE: [&str; 2] = ["process_image", "sweep_images"];
