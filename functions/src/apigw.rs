//! Parses API Gateway events, calls the handler and encodes its response.

mod request;
mod response;

pub use request::Event;
pub(crate) use response::handle_event_with_deadline;
pub use response::{ApiGatewayResponse, HttpHandler, handle_event};
