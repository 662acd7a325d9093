//! A server of a handful of files, to this machine alone.
//!
//! It knows its files by name and has nothing to do with a file system, so no path leads anywhere
//! else. It answers GET and HEAD, one request a connection, and gives up on whoever says too much,
//! or is not done in time: a request and its answer have one deadline, however lively the visitor
//! is until then.

use super::{ASSETS, FIRMWARE};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The most bytes of a request's head; browsers send one or two thousand.
const HEAD_LIMIT: u64 = 16 << 10;
/// How long a visitor may take to ask and to take the answer, of a few hundred kilobytes and on
/// this machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Visitors at the same time.
const MOST_VISITORS: usize = 32;
/// Between two looks for one.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// The port cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve at 127.0.0.1:{port}: {source}; choose another --port")]
pub struct ServerError {
    port: u16,
    source: io::Error,
}

/// Serves the page with a firmware.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    firmware: Arc<[u8]>,
    patience: Duration,
}

impl Server {
    /// Opens a port on 127.0.0.1; 0 is any that is free.
    ///
    /// # Errors
    /// [`ServerError`] where it is taken.
    pub fn bind(port: u16, firmware: Vec<u8>) -> Result<Self, ServerError> {
        let open = || {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = open().map_err(|source| ServerError { port, source })?;
        Ok(Self {
            listener,
            address,
            firmware: firmware.into(),
            patience: PATIENCE,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` becomes true.
    pub fn serve(&self, stop: &AtomicBool) {
        let visitors = Arc::new(AtomicUsize::new(0));
        while !stop.load(Ordering::Relaxed) {
            // A visitor that goes before it is greeted is its own affair.
            match self.listener.accept() {
                Ok((stream, _)) if visitors.load(Ordering::Relaxed) < MOST_VISITORS => {
                    let (firmware, visitors) = (self.firmware.clone(), visitors.clone());
                    let deadline = Instant::now() + self.patience;
                    visitors.fetch_add(1, Ordering::Relaxed);
                    std::thread::spawn(move || {
                        let _ = answer(&stream, deadline, &firmware);
                        visitors.fetch_sub(1, Ordering::Relaxed);
                    });
                }
                Ok(_) => {}
                Err(_) => std::thread::sleep(BETWEEN_LOOKS),
            }
        }
    }
}

/// A visitor's connection until a deadline, which no read and no write outlasts.
struct Visit<'s> {
    stream: &'s TcpStream,
    deadline: Instant,
}

impl Visit<'_> {
    /// The time that is left, or that there is none.
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(left)
    }
}

impl Read for Visit<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(space)
    }
}

impl Write for Visit<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn answer(stream: &TcpStream, deadline: Instant, firmware: &[u8]) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let mut reader = BufReader::new(Visit { stream, deadline }).take(HEAD_LIMIT);
    let mut request = Vec::new();
    reader.read_until(b'\n', &mut request)?;
    // The rest of the head, up to its empty line: who is still speaking does not hear the answer.
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 && line.trim_ascii() != b"" {
        line.clear();
    }
    let Response { status, kind, body } = respond(&request, firmware);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: {POLICY}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    let mut writer = Visit { stream, deadline };
    writer.write_all(head.as_bytes())?;
    if !request.starts_with(b"HEAD ") {
        writer.write_all(body)?;
    }
    writer.flush()
}

/// What the page may load: its own files, and the empty icon that it names.
const POLICY: &str =
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'";

#[derive(Debug, PartialEq, Eq)]
struct Response<'a> {
    status: &'static str,
    kind: &'static str,
    body: &'a [u8],
}

/// The answer to a request's first line.
fn respond<'a>(request: &[u8], firmware: &'a [u8]) -> Response<'a> {
    let plain = |status: &'static str| Response {
        status,
        kind: "text/plain; charset=utf-8",
        body: status.as_bytes(),
    };
    let Ok(line) = std::str::from_utf8(request) else {
        return plain("400 Bad Request");
    };
    let mut words = line.split_ascii_whitespace();
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next())
    else {
        return plain("400 Bad Request");
    };
    if !version.starts_with("HTTP/1.") {
        return plain("400 Bad Request");
    }
    if method != "GET" && method != "HEAD" {
        return plain("405 Method Not Allowed");
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let name = match path.strip_prefix('/') {
        Some("") => ASSETS[0].name,
        Some(name) => name,
        None => return plain("400 Bad Request"),
    };
    if name == FIRMWARE {
        return Response {
            status: "200 OK",
            kind: "application/octet-stream",
            body: firmware,
        };
    }
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => Response {
            status: "200 OK",
            kind: asset.kind,
            body: asset.bytes,
        },
        None => plain("404 Not Found"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_name_alone() {
        for (request, status) in [
            ("GET / HTTP/1.1\r\n", "200 OK"),
            ("GET /index.html?x=1 HTTP/1.1\r\n", "200 OK"),
            ("HEAD /board.js HTTP/1.0\r\n", "200 OK"),
            ("GET /firmware.uf2 HTTP/1.1\r\n", "200 OK"),
            ("GET /../Cargo.toml HTTP/1.1\r\n", "404 Not Found"),
            ("GET /%2e%2e/Cargo.toml HTTP/1.1\r\n", "404 Not Found"),
            ("GET //index.html HTTP/1.1\r\n", "404 Not Found"),
            ("GET /web/index.html HTTP/1.1\r\n", "404 Not Found"),
            ("GET http://x/ HTTP/1.1\r\n", "400 Bad Request"),
            ("GET /\r\n", "400 Bad Request"),
            ("GET / HTTP/2\r\n", "400 Bad Request"),
            ("POST / HTTP/1.1\r\n", "405 Method Not Allowed"),
            ("", "400 Bad Request"),
            ("\u{0}\u{1}", "400 Bad Request"),
        ] {
            assert_eq!(
                respond(request.as_bytes(), b"uf2").status,
                status,
                "{request:?}"
            );
        }
        assert_eq!(respond(b"\xFF /", b"").status, "400 Bad Request");
        assert_eq!(respond(b"GET /firmware.uf2 HTTP/1.1", b"uf2").body, b"uf2");
    }

    fn fetch(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // Who is sent away in the middle of a word may get a reset for an answer.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn a_browser_gets_its_files_and_nobody_stops_the_server() {
        let server = Server::bind(0, b"the firmware".to_vec()).unwrap();
        assert!(server.address().ip().is_loopback());
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| server.serve(&stop));
            let address = server.address();
            let get =
                |path: &str| fetch(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
            let page = get("/");
            assert!(
                page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"),
                "{page}"
            );
            assert!(page.contains("<canvas"), "{page}");
            assert!(get("/firmware.uf2").ends_with("\r\n\r\nthe firmware"));
            let head = fetch(address, "HEAD / HTTP/1.1\r\n\r\n");
            assert!(head.ends_with("\r\n\r\n"), "{head}");
            fetch(
                address,
                &format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000)),
            );
            fetch(address, &"x: y\r\n".repeat(50_000));
            drop(TcpStream::connect(address).unwrap());
            assert!(get("/style.css").contains("text/css"));
            let taken = Server::bind(address.port(), Vec::new()).unwrap_err();
            assert!(taken.to_string().contains("--port"), "{taken}");
            stop.store(true, Ordering::Relaxed);
        });
    }

    /// Visitors that send a byte now and then, or take one, are never silent. They are sent away
    /// all the same.
    #[test]
    fn visitors_that_dawdle_do_not_hold_their_places() {
        const BETWEEN_BYTES: Duration = Duration::from_millis(20);
        // More than the system keeps for a connection.
        let mut server = Server::bind(0, vec![0; 64 << 20]).unwrap();
        server.patience = Duration::from_millis(800);
        let (stop, address) = (AtomicBool::new(false), server.address());
        let served = || fetch(address, "GET /style.css HTTP/1.1\r\n\r\n").contains("text/css");
        std::thread::scope(|scope| {
            scope.spawn(|| server.serve(&stop));
            let start = Instant::now();
            let mut visitors: Vec<TcpStream> = (0..MOST_VISITORS)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect();
            for visitor in visitors.iter_mut().step_by(2) {
                visitor
                    .write_all(b"GET /firmware.uf2 HTTP/1.1\r\n\r\n")
                    .unwrap();
            }
            let full = !served();
            let mut free = false;
            while !free && start.elapsed() < 10 * server.patience {
                for (index, visitor) in visitors.iter_mut().enumerate() {
                    // Who was sent away cannot go on.
                    if index % 2 == 0 {
                        let _ = visitor.read(&mut [0]);
                    } else {
                        let _ = visitor.write(b"x");
                    }
                }
                std::thread::sleep(BETWEEN_BYTES);
                free = served();
            }
            let took = start.elapsed();
            stop.store(true, Ordering::Relaxed);
            assert!(full, "there were places left, so nothing is shown");
            assert!(free && took >= server.patience / 2, "{free} after {took:?}");
        });
    }
}
