//! Requests a file and follows redirects.
//!
//! Trusted certificates are those of Mozilla, or those in a given file. Proxies are read from
//! `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Response, header};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::sha256::Sha256;
use super::{FetchError, PATIENCE};
use crate::base::fs::{self, FileError};

/// Options of HTTP connections.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// A file of PEM certificates that replace those of Mozilla.
    pub certificates: Option<PathBuf>,
    /// Timeout for a response, and for the next bytes of a file.
    pub patience: Duration,
    /// Pause before the first retry, doubled for each further one.
    pub pause: Duration,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { certificates: None, patience: PATIENCE, pause: Duration::from_millis(500) }
    }
}

/// The most redirects that are followed.
const MOST_REDIRECTS: usize = 8;

/// A request without a usable response.
#[derive(Debug)]
pub(super) enum HttpError {
    /// No server responded.
    Unreachable(String),
    /// A server refused the request, and would do so again.
    Refused(String),
    /// A server has a temporary problem, with the time after which to retry.
    Busy(String, Option<Duration>),
    /// A server does not have the requested range, or does not report which one it sends.
    NoSuchPart,
}

/// A response with a file.
pub(super) struct Reply {
    /// Position of the first byte.
    pub(super) start: u64,
    /// Size of the whole file.
    pub(super) total: Option<u64>,
    /// Identifies this version of the file, to request the rest of it.
    pub(super) validator: Option<String>,
    /// The digest that the server reports.
    pub(super) sha256: Option<Sha256>,
    /// The bytes from `start`.
    pub(super) body: Box<dyn Read>,
}

/// An HTTP client.
pub(super) struct Http {
    agent: Agent,
    /// The host of the proxy, if there is one.
    proxy: Option<String>,
    pub(super) pause: Duration,
}

impl Http {
    pub(super) fn new(options: &HttpOptions) -> Result<Self, FetchError> {
        let roots = match &options.certificates {
            None => RootCerts::WebPki,
            Some(path) => certificates(path)?,
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(options.patience.min(Duration::from_secs(10))))
            .timeout_recv_response(Some(options.patience))
            .timeout_per_read(Some(options.patience))
            .user_agent(concat!("alpaca-run/", env!("CARGO_PKG_VERSION")))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        let proxy = config.proxy().map(|proxy| proxy.host().to_owned());
        Ok(Self { agent: config.new_agent(), proxy, pause: options.pause })
    }

    /// Requests a file, or the rest of it. `rest` is the number of bytes received so far, with the
    /// validator of their version.
    pub(super) fn get(&self, url: &str, rest: Option<(u64, &str)>) -> Result<Reply, HttpError> {
        let mut url = url.to_owned();
        let mut sha256 = None;
        for _ in 0..=MOST_REDIRECTS {
            let mut request = self.agent.get(&url);
            if let Some((start, validator)) = rest {
                request = request
                    .header(header::RANGE, format!("bytes={start}-"))
                    .header(header::IF_RANGE, validator);
            }
            let response = request
                .call()
                .map_err(|error| unreachable_by(&url, self.proxy.as_deref(), &error))?;
            sha256 = sha256.or_else(|| digest_of(response.headers()));
            match response.status().as_u16() {
                301 | 302 | 303 | 307 | 308 => url = redirected(&url, response.headers())?,
                416 => return Err(HttpError::NoSuchPart),
                200 | 206 => return reply(response, sha256),
                code => {
                    let text = format!("{} responds {}", host(&url), response.status());
                    let may_pass = matches!(code, 408 | 425 | 429 | 500..=599);
                    return Err(if may_pass {
                        HttpError::Busy(text, retry_after(response.headers()))
                    } else {
                        HttpError::Refused(text)
                    });
                }
            }
        }
        let host = host(&url);
        Err(HttpError::Refused(format!("more than {MOST_REDIRECTS} redirects, the last by {host}")))
    }
}

fn certificates(path: &std::path::Path) -> Result<RootCerts, FetchError> {
    let bytes = fs::read(path)?;
    let found: Vec<_> = parse_pem(&bytes)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        let source =
            std::io::Error::other("SSL_CERT_FILE is set to it, but it contains no PEM certificate");
        return Err(FileError::new("use", path, source).into());
    }
    Ok(RootCerts::from(found))
}

fn reply(response: Response<ureq::Body>, sha256: Option<Sha256>) -> Result<Reply, HttpError> {
    let headers = response.headers();
    if let Some(coding) = text(headers, header::CONTENT_ENCODING.as_str())
        && coding != "identity"
    {
        return Err(HttpError::Refused(format!("the file is sent compressed ({coding})")));
    }
    let (start, total) = if response.status().as_u16() == 206 {
        let range = text(headers, header::CONTENT_RANGE.as_str());
        range.and_then(content_range).ok_or(HttpError::NoSuchPart)?
    } else {
        let length = text(headers, header::CONTENT_LENGTH.as_str());
        (0, length.and_then(|length| length.parse().ok()))
    };
    // A weak ETag means that versions are equivalent, not that their bytes are equal.
    let strong = text(headers, header::ETAG.as_str()).filter(|tag| tag.starts_with('"'));
    let validator = strong.or_else(|| text(headers, header::LAST_MODIFIED.as_str()));
    let validator = validator.map(str::to_owned);
    let body = Box::new(response.into_body().into_reader());
    Ok(Reply { start, total, validator, sha256, body })
}

/// First byte and total size from `bytes 5-9/10`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.parse().ok()?, total.parse().ok()))
}

/// The time after which a server asks to retry, at most a minute.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = text(headers, header::RETRY_AFTER.as_str())?.parse().ok()?;
    Some(Duration::from_secs(seconds.min(60)))
}

/// The SHA-256 that Hugging Face sends with a redirect to the storage of a file.
fn digest_of(headers: &HeaderMap) -> Option<Sha256> {
    text(headers, "x-linked-etag")?.trim_matches('"').parse().ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The target of a redirect. It must not leave an encrypted connection.
fn redirected(from: &str, headers: &HeaderMap) -> Result<String, HttpError> {
    let Some(to) = text(headers, header::LOCATION.as_str()) else {
        return Err(HttpError::Refused(format!("{} redirects without a target", host(from))));
    };
    let scheme = from.split("://").next().unwrap_or_default();
    let to = if to.contains("://") {
        to.to_owned()
    } else if let Some(rest) = to.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if to.starts_with('/') {
        format!("{scheme}://{}{to}", host(from))
    } else {
        let path = from.split(['?', '#']).next().unwrap_or(from);
        let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
        format!("{folder}/{to}")
    };
    let to = without_dots(&to);
    if scheme == "https" && !to.starts_with("https://") {
        let what = format!("{} redirects to {to}, which is not encrypted", host(from));
        return Err(HttpError::Refused(what));
    }
    Ok(to)
}

/// An address without `.` and `..` in its path (RFC 3986, section 5.2.4).
fn without_dots(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (path, rest) = url.split_at(end);
    let Some((scheme, path)) = path.split_once("://") else { return url.to_owned() };
    let mut kept: Vec<&str> = vec![];
    for part in path.split('/') {
        match part {
            "." => {}
            // The host stays.
            ".." if kept.len() > 1 => drop(kept.pop()),
            ".." => {}
            part => kept.push(part),
        }
    }
    format!("{scheme}://{}{rest}", kept.join("/"))
}

/// An address without user name and password.
pub(super) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// The host and port of an address.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

fn unreachable_by(url: &str, proxy: Option<&str>, error: &ureq::Error) -> HttpError {
    let through = proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
    let host = format!("{}{through}", host(url));
    let text = match error {
        ureq::Error::HostNotFound => format!("no such host: {host}"),
        ureq::Error::Io(error) if error.to_string().contains("UnknownIssuer") => {
            format!("the certificate of {host} is not signed by a trusted authority")
        }
        ureq::Error::Io(error) => format!("cannot reach {host}: {error}"),
        ureq::Error::Timeout(_) => format!("{host} does not respond"),
        ureq::Error::ConnectionFailed => format!("cannot reach {host}"),
        error => format!("cannot communicate with {host}: {error}"),
    };
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => HttpError::Refused(text),
        _ => HttpError::Unreachable(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_which_it_is() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for wrong in ["", "bytes", "bytes */10", "lines 1-2/3"] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_and_passwords_are_not_shown() {
        assert_eq!(shown("http://user:pass@a:80/b@c"), "http://a:80/b@c");
        assert_eq!(shown("https://a/b"), "https://a/b");
    }

    #[test]
    fn a_redirect_never_leaves_an_encrypted_connection() {
        let lead = |from: &str, to: &str| {
            let headers = [(header::LOCATION, to.parse().unwrap())].into_iter().collect();
            redirected(from, &headers)
        };
        for (from, to, found) in [
            ("http://a/b/c", "d", "http://a/b/d"),
            ("http://a:80/b/c", "/d", "http://a:80/d"),
            ("https://a/b", "//c/d", "https://c/d"),
            ("http://a/b", "https://c/d", "https://c/d"),
            ("http://a/b/c/d?q", "../../e/./f?x=../y", "http://a/e/f?x=../y"),
            ("http://a/b", "../../../c", "http://a/c"),
        ] {
            assert_eq!(lead(from, to).unwrap(), found);
        }
        assert!(matches!(lead("https://a/b", "http://a/b"), Err(HttpError::Refused(_))));
        assert!(matches!(redirected("http://a", &HeaderMap::new()), Err(HttpError::Refused(_))));
    }
}
