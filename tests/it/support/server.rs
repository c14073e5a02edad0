//! A server on this machine that has files, and faults when told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With the whole file, or with the part asked for where its beginning is of this version.
    File,
    /// As `File`, but the connection is closed after so many bytes.
    BreakOff(usize),
    /// With the whole file and nothing by which its version could be told again.
    Anonymous(usize),
    /// With the whole file and a wrong length.
    Length(usize),
    /// With other bytes.
    Bytes(&'static [u8]),
    /// With a redirect.
    Redirect(String),
    /// With this status and nothing else.
    Status(u16),
    /// As `File`, a piece at a time with a pause between them.
    Slowly,
}

/// What a server was asked for, and how it answers.
struct State {
    file: Vec<u8>,
    answers: Vec<Answer>,
    asked: Vec<String>,
}

/// A server of one file, whatever its path.
pub struct Server {
    address: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// Starts a server that gives these answers one after the other, the last of them for ever.
    pub fn start(file: &[u8], answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = State { file: file.to_vec(), answers: answers.to_vec(), asked: vec![] };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&shared);
                // A client that leaves in the middle is no failure of the server.
                std::thread::spawn(move || drop(serve(&stream.unwrap(), &state)));
            }
        });
        Self { address, state }
    }

    /// Its address, as a mirror.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Each request so far: its path, and the part asked for.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

/// What a client asks for.
struct Request {
    path: String,
    headers: Vec<String>,
}

impl Request {
    fn read(stream: &TcpStream) -> std::io::Result<Self> {
        let mut lines = BufReader::new(stream).lines();
        let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let headers = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        Ok(Self { path, headers })
    }

    fn header(&self, name: &str) -> Option<&str> {
        let of = |line: &'_ String| line.to_lowercase().starts_with(&format!("{name}: "));
        self.headers.iter().find(|line| of(line)).map(|line| &line[name.len() + 2..])
    }

    /// The first byte asked for, of the version that there is.
    fn start(&self) -> usize {
        let range = self.header("range").filter(|_| self.header("if-range") == Some(TAG));
        let start = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        start.and_then(|start| start.parse().ok()).unwrap_or(0)
    }
}

/// The version of every file.
const TAG: &str = "\"version-1\"";

fn serve(mut stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let request = Request::read(stream)?;
    let (file, answer) = {
        let mut state = state.lock().unwrap();
        let range = request.header("range").map(|range| format!(" {range}")).unwrap_or_default();
        state.asked.push(format!("{}{range}", request.path));
        let is_last = state.answers.len() == 1;
        let answer = if is_last { state.answers[0].clone() } else { state.answers.remove(0) };
        (state.file.clone(), answer)
    };
    let mut send = |status: &str, headers: &str, n: usize, body: &[u8], pause: Duration| {
        let head = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {n}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes())?;
        body.chunks(1 << 16).try_for_each(|piece| {
            std::thread::sleep(pause);
            stream.write_all(piece)
        })
    };
    let n = file.len();
    match answer {
        Answer::Length(length) => {
            send("200 OK", "", length, &file[..n.min(length)], Duration::ZERO)
        }
        Answer::Anonymous(cut) => send("200 OK", "", n, &file[..n.min(cut)], Duration::ZERO),
        Answer::Bytes(bytes) => send("200 OK", "", bytes.len(), bytes, Duration::ZERO),
        Answer::Redirect(to) => {
            send("302 Found", &format!("Location: {to}\r\n"), 0, b"", Duration::ZERO)
        }
        Answer::Status(code) => send(&format!("{code} No"), "", 0, b"", Duration::ZERO),
        Answer::File | Answer::BreakOff(_) | Answer::Slowly => {
            let start = request.start();
            let rest = &file[start.min(n)..];
            let status = match start {
                0 => "200 OK",
                start if start >= n => "416 Range Not Satisfiable",
                _ => "206 Partial Content",
            };
            let last = n - 1;
            let headers = format!("ETag: {TAG}\r\nContent-Range: bytes {start}-{last}/{n}\r\n");
            let cut = if let Answer::BreakOff(cut) = answer { cut } else { usize::MAX };
            let is_slow = matches!(answer, Answer::Slowly);
            let pause = Duration::from_millis(if is_slow { 20 } else { 0 });
            send(status, &headers, rest.len(), &rest[..rest.len().min(cut)], pause)
        }
    }
}
