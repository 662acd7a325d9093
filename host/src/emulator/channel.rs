//! Sockets between this program and QEMU: this side listens, QEMU connects when it starts.
//!
//! That way round there is no race: the socket exists before QEMU does. Unix sockets lie in a
//! folder that only this user may enter; where there are none, loopback TCP with a port that the
//! system chooses.

use super::error::EmulatorError;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

#[cfg(unix)]
pub(super) type Stream = std::os::unix::net::UnixStream;
#[cfg(not(unix))]
pub(super) type Stream = std::net::TcpStream;

/// A socket that waits for QEMU.
pub(super) struct Listener {
    #[cfg(unix)]
    socket: std::os::unix::net::UnixListener,
    #[cfg(not(unix))]
    socket: std::net::TcpListener,
    /// The value of `-chardev`.
    pub argument: String,
}

impl Listener {
    /// Opens a socket called `name` in `folder`.
    #[cfg(unix)]
    pub fn bind(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(name);
        let socket = std::os::unix::net::UnixListener::bind(&path)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            argument: format!("socket,id={name},path={}", escape(&path)),
        })
    }

    /// Opens a socket on a free port of the loopback interface.
    #[cfg(not(unix))]
    pub fn bind(_folder: &Path, name: &str) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        socket.set_nonblocking(true)?;
        let port = socket.local_addr()?.port();
        Ok(Self {
            socket,
            argument: format!("socket,id={name},host=127.0.0.1,port={port},nodelay=on"),
        })
    }

    /// Waits for QEMU's connection until `deadline`; `check` fails when QEMU has ended.
    pub fn accept(
        self,
        deadline: Instant,
        mut check: impl FnMut() -> Result<(), EmulatorError>,
    ) -> Result<Option<Stream>, EmulatorError> {
        let failed = || EmulatorError::io("connect to QEMU");
        loop {
            match self.socket.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).map_err(failed())?;
                    return Ok(Some(stream));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    check()?;
                    if Instant::now() >= deadline {
                        return Ok(None);
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(e) => return Err(failed()(e)),
            }
        }
    }
}

/// A path as a value in QEMU's comma-separated options, where a comma is written twice.
pub(super) fn escape(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_a_path_are_doubled() {
        assert_eq!(escape(Path::new("/tmp/a,b/c")), "/tmp/a,,b/c");
    }

    #[test]
    fn a_listener_gives_up_at_its_deadline_and_when_qemu_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let listener = Listener::bind(folder.path(), "a").unwrap();
        assert!(
            listener
                .accept(Instant::now(), || Ok(()))
                .unwrap()
                .is_none()
        );
        let listener = Listener::bind(folder.path(), "b").unwrap();
        let far = Instant::now() + Duration::from_secs(60);
        let ended = || {
            Err(EmulatorError::Missing {
                program: String::new(),
            })
        };
        assert!(listener.accept(far, ended).is_err());
    }
}
