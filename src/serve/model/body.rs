//! The images in a request: a form, JSON with base64, or the bytes of one image.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{self, Body, Bytes};
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::Limits;
use super::queue::too_large;
use crate::exec::ask::image_files::ImageFile;
use crate::serve::reply::Refusal;

/// How images are sent, for messages.
const HOW: &str = "send the bytes of an image, a form with files (`curl -F file=@photo.jpg`), or JSON \
                   such as {\"images\": [\"BASE64\"]}";

/// A request in JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum InJson {
    /// One image.
    One { image: JsonImage },
    /// Several images.
    Several { images: Vec<JsonImage> },
}

/// An image in JSON: base64, which may be a `data:` URL, with a name if it has one.
#[derive(Deserialize)]
#[serde(untagged)]
enum JsonImage {
    Data(String),
    Named { name: String, data: String },
}

/// Reads the images of a request.
pub(super) async fn images(request: Request, limits: Limits) -> Result<Vec<ImageFile>, Refusal> {
    let (parts, body) = request.into_parts();
    let bytes = body::to_bytes(body, limits.bytes).await.map_err(|error| {
        // The only other reason is a client that left.
        let mut sources =
            std::iter::successors(std::error::Error::source(&error), |error| error.source());
        let is_long = sources.any(|source| source.to_string().contains("length limit"));
        if is_long { too_large(limits.bytes) } else { Refusal::bad("the request is not complete") }
    })?;
    if bytes.is_empty() {
        return Err(Refusal::bad(format!("there is no image in the request; {HOW}")));
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_ascii_lowercase();
    let images = if kind.starts_with("multipart/form-data") {
        of_form(Request::from_parts(parts, Body::from(bytes)), limits).await?
    } else if kind.starts_with("application/json") {
        of_json(&bytes)?
    } else if kind.starts_with("application/x-www-form-urlencoded") && is_text(&bytes) {
        // What curl sends with `-d`.
        return Err(Refusal::bad(format!("the request is a form without files; {HOW}")));
    } else {
        vec![image("image", &bytes)]
    };
    if images.is_empty() {
        return Err(Refusal::bad(format!("there is no image in the request; {HOW}")));
    }
    Ok(images)
}

/// Whether bytes are text, as no image is.
fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'))
}

/// The files of a form. Fields without a file name are left out.
async fn of_form(request: Request, limits: Limits) -> Result<Vec<ImageFile>, Refusal> {
    let wrong =
        |error: &dyn std::fmt::Display| Refusal::bad(format!("the form cannot be read: {error}"));
    let mut form = Multipart::from_request(request, &()).await.map_err(|error| wrong(&error))?;
    let mut images = vec![];
    while let Some(field) = form.next_field().await.map_err(|error| wrong(&error.body_text()))? {
        let Some(name) = field.file_name().map(str::to_owned) else { continue };
        let bytes = field.bytes().await.map_err(|error| wrong(&error.body_text()))?;
        images.push(image(&name, &bytes));
        if images.len() > limits.images {
            break;
        }
    }
    Ok(images)
}

fn of_json(bytes: &[u8]) -> Result<Vec<ImageFile>, Refusal> {
    let read: InJson = serde_json::from_slice(bytes).map_err(|error| {
        let what = if error.is_syntax() || error.is_eof() {
            format!("the request is not JSON: {error}")
        } else {
            "the JSON has neither `image` nor `images`".to_owned()
        };
        Refusal::bad(format!("{what}; {HOW}"))
    })?;
    let images = match read {
        InJson::One { image } => vec![image],
        InJson::Several { images } => images,
    };
    let n = images.len();
    let images = images.into_iter().enumerate().map(|(at, one)| {
        let (name, data) = match one {
            JsonImage::Named { name, data } => (name, data),
            JsonImage::Data(data) if n == 1 => ("image".to_owned(), data),
            JsonImage::Data(data) => (format!("image {}", at + 1), data),
        };
        let plain = match data.split_once(";base64,") {
            Some((start, plain)) if start.starts_with("data:") => plain,
            _ => &data,
        };
        let plain: String = plain.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let bytes = STANDARD.decode(plain);
        let bytes =
            bytes.map_err(|error| Refusal::bad(format!("`{name}` is not base64: {error}")))?;
        Ok(image(&name, &Bytes::from(bytes)))
    });
    images.collect()
}

fn image(name: &str, bytes: &Bytes) -> ImageFile {
    ImageFile::Bytes { bytes: Arc::from(&bytes[..]), path: PathBuf::from(name) }
}
