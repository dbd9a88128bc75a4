//! Emulates API Gateway's HTTP API: encodes each HTTP request as an event, invokes the function of its
//! route, and returns the function's response.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Extension, Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use engines::host::{is_this_machine, requested_host};
use functions::api::Api;
use functions::routes::{ROUTES, Route};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::apigw_event::{self, Incoming, RequestId};
use crate::error::GatewayError;
use crate::images::Images;
use crate::request_log;

/// API Gateway's quota for the body of a request, in bytes.
const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// The routes, by a key of method and path such as `GET/food/{food_id}`. API Gateway matches the method first: an
/// unknown method is a 404. Axum's router would return 405 instead, because it matches the path first.
static ROUTER: LazyLock<matchit::Router<&'static Route>> = LazyLock::new(|| {
    let mut router = matchit::Router::new();
    for route in &ROUTES {
        let key = format!("{}{}", route.method, route.path);
        router.insert(key, route).expect("no two routes conflict");
    }
    router
});

/// The configuration and the clients that all requests share.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) api: Arc<Api>,
    pub(crate) images: Images,
    pub(crate) address: SocketAddr,
    /// The host in the setting `IMAGE_BASE_URL`, which may be a proxy in front of this server.
    pub(crate) public_host: Option<Authority>,
    /// The value of the setting `ALLOWED_ORIGIN`: `*`, or a comma-separated list of origins for CORS.
    pub(crate) allowed_origin: String,
    /// Whether requests are logged to standard output.
    pub(crate) log: bool,
}

impl Gateway {
    /// Builds the router for images and, if `serves_routes`, for the routes of the API.
    pub(crate) fn router(self: &Arc<Self>, serves_routes: bool) -> Router {
        let router = Router::new().route("/images/{*key}", get(image).fallback(not_found));
        let router = if serves_routes {
            let docs = get(async || Redirect::temporary("/docs"));
            router.route("/", docs.fallback(not_found)).fallback(invoke)
        } else {
            router.fallback(engines_only)
        };
        router
            .layer(cors(&self.allowed_origin))
            .layer(from_fn_with_state(Arc::clone(self), check_host))
            .layer(from_fn_with_state(Arc::clone(self), log_request))
            .with_state(Arc::clone(self))
    }

    fn check_host(&self, request: &Parts) -> Result<(), GatewayError> {
        let host = requested_host(request).map_err(|_| GatewayError::BadRequest)?;
        let Some(host) = host else { return Ok(()) };
        let is_public = |public: &Authority| public.host().eq_ignore_ascii_case(host.host());
        if is_this_machine(&host) || self.public_host.as_ref().is_some_and(is_public) {
            Ok(())
        } else {
            Err(GatewayError::ForeignHost)
        }
    }
}

/// Returns the CORS configuration of `template.yaml`. `allowed_origin` is `*` or a comma-separated list of origins.
fn cors(allowed_origin: &str) -> CorsLayer {
    let origins = || allowed_origin.split(',').map(str::trim);
    let allow_origin = if origins().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(allow_origin)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS])
        .allow_headers([
            header::AUTHORIZATION,
            header::CACHE_CONTROL,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("traceparent"),
            HeaderName::from_static("tracestate"),
            HeaderName::from_static("x-requested-with"),
        ])
        .expose_headers([header::LINK, header::ETAG, header::LOCATION, header::RETRY_AFTER])
        .max_age(Duration::from_hours(2))
}

/// Middleware that assigns a request id, and logs the request with the status of its response.
async fn log_request(
    State(gateway): State<Arc<Gateway>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let id = RequestId::generate();
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if method == Method::OPTIONS && response.status() == StatusCode::OK {
        // A preflight: tower-http returns 200, API Gateway 204.
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    if gateway.log {
        request_log::write(&method, uri.path(), &response, started.elapsed());
    }
    response
}

/// Middleware that rejects requests for other hosts, against DNS rebinding.
async fn check_host(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match gateway.check_host(&parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(error) => error.into_response(),
    }
}

async fn image(
    State(gateway): State<Arc<Gateway>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Response, GatewayError> {
    gateway.images.get(&key, &headers).await
}

async fn not_found() -> GatewayError {
    GatewayError::NotFound
}

async fn engines_only() -> GatewayError {
    GatewayError::EnginesOnly
}

async fn invoke(
    State(gateway): State<Arc<Gateway>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, GatewayError> {
    let (parts, body) = request.into_parts();
    // API Gateway decodes a path before it routes: `%2F` separates segments.
    let path = percent_decode_str(parts.uri.path()).decode_utf8();
    let path = path.map_err(|_| GatewayError::BadRequest)?;
    let key = format!("{}{path}", parts.method);
    let matched = ROUTER.at(&key).map_err(|_| GatewayError::NotFound)?;
    let body = read(body).await?;
    let event = apigw_event::encode(&Incoming {
        parts: &parts,
        path: &path,
        route: matched.value,
        parameters: &matched.params,
        body: &body,
        client: client.ip(),
        server: gateway.address,
        id: &id,
    })?;
    drop(body);
    let (api, function) = (Arc::clone(&gateway.api), matched.value.name);
    let (response, outcome) =
        run_to_completion(async move { api.invoke_with_outcome(function, &event).await })
            .await?
            .ok_or(GatewayError::NotFound)?;
    let mut response = apigw_event::decode(&response)?;
    response.extensions_mut().insert(outcome);
    Ok(response)
}

/// Reads the body; one above API Gateway's quota is `TooLarge`. The rest of a larger body is read and discarded,
/// because a client that is still sending would not read the response.
async fn read(mut body: Body) -> Result<Bytes, GatewayError> {
    match Limited::new(&mut body, MAX_BODY_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            while let Some(Ok(_)) = body.frame().await {}
            Err(GatewayError::TooLarge)
        }
        Err(_) => Err(GatewayError::BadRequest),
    }
}

/// Limits the number of functions that run concurrently, because each may need memory for a password hash or an image.
static CONCURRENCY: Semaphore = Semaphore::const_new(8);

/// Runs a function to completion even if the client disconnects, as Lambda does; returns `Internal` if the function
/// panics. Each function has its own thread, so that hashing and decoding do not delay the I/O of other requests.
pub(crate) async fn run_to_completion<T: Send + 'static>(
    function: impl Future<Output = T> + Send + 'static,
) -> Result<T, GatewayError> {
    let permit = CONCURRENCY.acquire().await;
    let runtime = Handle::current();
    let function = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        runtime.block_on(function)
    });
    function.await.map_err(|error| {
        tracing::error!(%error, "a function panicked");
        GatewayError::Internal
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_is_matched_by_method_and_path() {
        let function = |key: &str| ROUTER.at(key).ok().map(|found| found.value.name);
        for route in &ROUTES {
            let key = format!("{}{}", route.method, route.path);
            assert_eq!(function(&key), Some(route.name));
        }
        assert_eq!(function("DELETE/users/me"), Some("delete_user"));
        assert_eq!(function("GET/users/me"), Some("get_current_user"));
        assert_eq!(function("GET/users/you"), Some("get_user"));
        for key in ["HEAD/food", "GET/food/", "GET//food", "GET/food/1/2", "GET/login"] {
            assert_eq!(function(key), None, "{key}");
        }
    }

    #[tokio::test]
    async fn request_body_over_10_mb_is_rejected() {
        let body = Bytes::from(vec![0; MAX_BODY_BYTES + 1]);
        let fits = body.slice(1..);
        assert_eq!(read(Body::from(fits.clone())).await, Ok(fits));
        assert_eq!(read(Body::from(body)).await, Err(GatewayError::TooLarge));
    }

    #[tokio::test]
    async fn panicking_function_returns_internal_error() {
        let response: Result<(), _> = run_to_completion(async { panic!("for this test") }).await;
        assert_eq!(response, Err(GatewayError::Internal));
    }
}
