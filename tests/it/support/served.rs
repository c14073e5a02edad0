//! Commands that listen, and requests to them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::Duration;

use super::program::{Said, command};

/// A command that listens. It ends when this is dropped.
pub struct Served {
    process: Option<Child>,
    /// The address and port.
    pub host: String,
    /// The token in the printed address, if there is one.
    pub token: Option<String>,
}

/// A response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

impl Served {
    /// Starts a command with any free port, and waits for its address.
    pub fn start(arguments: &[&str]) -> Self {
        let words = [arguments, &["--listen", "127.0.0.1:0"]].concat();
        let mut process = command(&words).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(line) = line.strip_suffix('\n') else { panic!("{:?}", Said::of(process)) };
        let mut served = Self::at(line);
        served.process = Some(process);
        served
    }

    /// A server that another process has, at the address that it printed.
    pub fn at(address: &str) -> Self {
        let address = address.strip_prefix("http://").unwrap();
        let (host, rest) = address.split_once('/').unwrap();
        let token = rest.strip_prefix("?token=").map(str::to_owned);
        Self { process: None, host: host.to_owned(), token }
    }

    /// Sends bytes.
    pub fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        // A server that refuses a request need not read all of it.
        let _ = stream.write_all(bytes);
        stream
    }

    /// The same server for somebody with another token.
    pub fn for_token(&self, token: Option<&str>) -> Self {
        Self { process: None, host: self.host.clone(), token: token.map(str::to_owned) }
    }

    fn ask(&self, method: &str, host: &str, path: &str, lines: &str) -> Response {
        let token = self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n"));
        let token = token.unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{token}{lines}\r\n"
        );
        response(self.send(head.as_bytes()))
    }

    /// Asks for a path.
    pub fn get(&self, path: &str) -> Response {
        self.get_with(path, "")
    }

    /// Asks for a path with more lines in the head.
    pub fn get_with(&self, path: &str, lines: &str) -> Response {
        self.ask("GET", &self.host, path, lines)
    }

    /// Asks for a path of a server that is called otherwise.
    pub fn get_as(&self, host: &str, path: &str) -> Response {
        self.ask("GET", host, path, "")
    }

    /// Asks with another method.
    pub fn ask_by(&self, method: &str, path: &str) -> Response {
        self.ask(method, &self.host, path, "")
    }

    /// Sends a body of a type to a path.
    pub fn post(&self, path: &str, kind: &str, body: &[u8]) -> Response {
        let mut bytes = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            self.host,
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        response(self.send(&bytes))
    }

    /// Sends a signal, and waits for the end.
    pub fn end(mut self, signal: &str) -> Said {
        let process = self.process.take().unwrap();
        let id = process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        Said::of(process)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Reads a response to its end.
pub fn response(mut stream: TcpStream) -> Response {
    let mut bytes = vec![];
    // A connection that is reset has nothing more to say.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no response: {}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut body = bytes.split_off(end + 4);
    if head.contains("transfer-encoding: chunked") {
        body = unchunked(&body);
    }
    Response { status, head, body }
}

/// A body that came in pieces.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = vec![];
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        if size == 0 || rest.len() < size + 2 {
            break;
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
    body
}
