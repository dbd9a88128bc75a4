//! The table of functions. The router and the `OpenAPI` document are generated from it; tests compare the
//! binaries, `template.yaml` and `Cargo.toml` with it.

/// Calls the macro `$callback` with the table: name, handler, trigger, access ([`Access`]), and memory in MB. A
/// function with 1769 MB has one full vCPU.
#[macro_export]
macro_rules! for_each_function {
    ($callback:ident) => {
        $callback! {
            routes {
                create_user CreateUser (POST "/users", anonymous, 1769);
                list_users ListUsers (GET "/users", anonymous, 512);
                get_user GetUser (GET "/users/{user_id}", anonymous, 512);
                get_current_user GetCurrentUser (GET "/users/me", signed_in, 512);
                change_password ChangePassword (PUT "/users/me/password", signed_in, 1769);
                delete_user DeleteUser (DELETE "/users/me", signed_in, 256);
                login Login (POST "/login", anonymous, 1769);
                logout Logout (POST "/logout", signed_in, 512);
                refresh Refresh (POST "/refresh", anonymous, 768);
                list_sessions ListSessions (GET "/sessions", signed_in, 512);
                revoke_session RevokeSession (DELETE "/sessions/{session_id}", signed_in, 512);
                revoke_sessions RevokeSessions (DELETE "/sessions", signed_in, 512);
                create_food CreateFood (POST "/food", signed_in, 1769);
                create_image_upload CreateImageUpload (POST "/food/images", signed_in, 512);
                list_food ListFood (GET "/food", anonymous, 512);
                get_food GetFood (GET "/food/{food_id}", optional, 512);
                update_food UpdateFood (PUT "/food/{food_id}", signed_in, 1769);
                delete_food DeleteFood (DELETE "/food/{food_id}", signed_in, 256);
                like_food LikeFood (PUT "/food/{food_id}/like", signed_in, 512);
                unlike_food UnlikeFood (DELETE "/food/{food_id}/like", signed_in, 512);
                list_likes ListLikes (GET "/users/me/likes", signed_in, 512);
                list_user_food ListUserFood (GET "/users/{user_id}/food", anonymous, 512);
                similar_food SimilarFood (GET "/food/{food_id}/similar", anonymous, 512);
                recommend Recommend (GET "/recommendations", optional, 512);
                get_openapi GetOpenapi (GET "/openapi.json", anonymous, 256);
                get_docs GetDocs (GET "/docs", anonymous, 256);
            }
            without_route {
                sweep_images SweepImages ("rate(1 day)", 512);
                train_recommendations TrainRecommendations ("cron(0 3 * * ? *)", 10240);
                update_recommendations UpdateRecommendations ("streams of FoodsTable, LikesTable", 512);
            }
        }
    };
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody. The route ignores an access token.
    Anonymous,
    /// Everybody. The route checks an access token if the request has one, and rejects an invalid one.
    Optional,
    /// Users with a valid access token. `POST /logout` also takes a refresh token instead.
    SignedIn,
}

/// A route and the function that serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The name of the binary, the use case and the test events.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path in API Gateway's notation: parameters in braces.
    pub path: &'static str,
    /// Who may call the route.
    pub access: Access,
}

/// A function as `template.yaml` deploys it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// The name of the binary.
    pub name: &'static str,
    /// The route, schedule or streams that invoke the function.
    pub trigger: &'static str,
    /// Memory in MB. CPU is proportional to it.
    pub memory_mb: u32,
}

macro_rules! tables {
    (
        routes { $($name:ident $handler:ident ($method:ident $path:literal, $access:ident, $memory:literal);)* }
        without_route { $($other:ident $other_handler:ident ($trigger:literal, $other_memory:literal);)* }
    ) => {
        /// All routes of the API.
        pub const ROUTES: [Route; [$(stringify!($name)),*].len()] = [$(Route {
            name: stringify!($name),
            method: stringify!($method),
            path: $path,
            access: access!($access),
        }),*];

        /// The names of the functions that no request invokes, but a schedule or streams.
        pub const WITHOUT_ROUTE: [&str; [$(stringify!($other)),*].len()] = [$(stringify!($other)),*];

        /// Every function; those without a route come last.
        pub const FUNCTIONS: [Function; ROUTES.len() + WITHOUT_ROUTE.len()] = [
            $(Function {
                name: stringify!($name),
                trigger: concat!(stringify!($method), " ", $path),
                memory_mb: $memory,
            },)*
            $(Function {
                name: stringify!($other),
                trigger: $trigger,
                memory_mb: $other_memory,
            },)*
        ];
    };
}

macro_rules! access {
    (anonymous) => {
        Access::Anonymous
    };
    (optional) => {
        Access::Optional
    };
    (signed_in) => {
        Access::SignedIn
    };
}

for_each_function!(tables);
