//! Who may look: those who have the token, through an address that this server has.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;

use super::Shared;
use crate::serve::reply::Refusal;

/// The system has no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random numbers for a token: {0}")]
pub struct TokenError(getrandom::Error);

/// A secret in the address that is printed.
#[derive(Clone, Debug)]
pub struct Token(String);

impl Token {
    /// A new one, of 128 random bits.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn random() -> Result<Self, TokenError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(TokenError)?;
        Ok(Self(format!("{:032x}", u128::from_be_bytes(bytes))))
    }

    /// The part of an address after its path.
    pub fn query(&self) -> String {
        format!("?token={}", self.0)
    }

    /// Whether a text is the token, in a time that does not tell how much of it is.
    fn is(&self, text: &str) -> bool {
        let (own, other) = (self.0.as_bytes(), text.as_bytes());
        let differences = own.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
        own.len() == other.len() && differences == 0
    }
}

/// The rules of a server.
pub(super) struct Guard {
    address: SocketAddr,
    token: Option<Token>,
    /// Cookies are shared by all ports of a machine.
    cookie: String,
}

impl Guard {
    pub(super) fn new(address: SocketAddr, token: Option<Token>) -> Self {
        Self { address, token, cookie: format!("alpaca-run-{}", address.port()) }
    }

    /// Whether the address that a browser asked for is one of this server. A page elsewhere could give its
    /// own name the address of this machine, and then read what it is sent.
    fn is_own(&self, headers: &HeaderMap) -> bool {
        if !self.address.ip().is_loopback() {
            return true;
        }
        let host =
            headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let port = self.address.port();
        host == self.address.to_string() || host == format!("localhost:{port}")
    }

    /// Whether a request knows the token.
    fn knows(&self, token: &Token, headers: &HeaderMap) -> bool {
        let texts =
            |name| headers.get_all(name).iter().filter_map(|text: &HeaderValue| text.to_str().ok());
        let in_cookie =
            texts(header::COOKIE).flat_map(|cookies| cookies.split(';')).any(|cookie| {
                let value = cookie.trim().strip_prefix(self.cookie.as_str());
                value.and_then(|value| value.strip_prefix('=')).is_some_and(|value| token.is(value))
            });
        in_cookie
            || texts(header::AUTHORIZATION)
                .any(|text| text.strip_prefix("Bearer ").is_some_and(|text| token.is(text)))
    }

    /// The response to a first visit: the token moves from the address into a cookie, so that it is not in
    /// the history of the browser or in links.
    fn welcome(&self, token: &Token) -> Response<Body> {
        let cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Lax", self.cookie, token.0);
        let mut response = StatusCode::SEE_OTHER.into_response();
        let headers = response.headers_mut();
        headers.insert(header::LOCATION, HeaderValue::from_static("/"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// Lets a request through, or refuses it.
pub(super) async fn check(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let Guard { token, .. } = &shared.guard;
    if !shared.guard.is_own(request.headers()) {
        let why = "this server is not called that; open the address that `alpaca-run serve` prints";
        return Refusal::new(StatusCode::MISDIRECTED_REQUEST, why).into_response();
    }
    let Some(token) = token else { return next.run(request).await };
    let query = request.uri().query().unwrap_or_default();
    let given = query.split('&').find_map(|part| part.strip_prefix("token="));
    if request.uri().path() == "/" && given.is_some_and(|given| token.is(given)) {
        return shared.guard.welcome(token);
    }
    if shared.guard.knows(token, request.headers()) {
        return next.run(request).await;
    }
    let why = "open the address that `alpaca-run serve` prints; it ends with `?token=…`";
    Refusal::new(StatusCode::UNAUTHORIZED, why).into_response()
}
