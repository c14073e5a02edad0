//! Responses to requests.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use serde_json::json;

/// What a page of this program may do: load files of its own server. Nothing else, and no other page
/// may show it in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// A file of a page that is part of this program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    /// Its path on the server.
    pub(super) path: &'static str,
    /// Its content.
    pub(super) text: &'static str,
}

impl Asset {
    /// The response to a request for it.
    pub(super) fn reply(self) -> Response<Body> {
        let kind = match self.path.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "text/html; charset=utf-8",
        };
        let mut response = with_kind(StatusCode::OK, kind, self.text);
        set(&mut response, header::CONTENT_SECURITY_POLICY, POLICY);
        response
    }
}

/// A request that is not served, and why, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) why: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into() }
    }

    /// Something that is not there.
    pub(super) fn not_found(why: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, why)
    }

    /// A request that has no meaning.
    pub(super) fn bad(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let mut response = as_json(self.status, &json!({ "error": self.why }));
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            set(&mut response, header::RETRY_AFTER, "1");
        }
        response
    }
}

/// A value as JSON.
pub(super) fn as_json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_string(value).expect("responses are plain data");
    with_kind(status, "application/json", text + "\n")
}

/// A response with a content type. Browsers take it as what it is, and keep no copy.
pub(super) fn with_kind(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, kind);
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, header::REFERRER_POLICY, "no-referrer");
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// Sets a header.
pub(super) fn set(response: &mut Response<Body>, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}
