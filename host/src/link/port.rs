//! Ways to a device: serial ports, and sockets to emulated ones.

use super::LinkError;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long one read waits before it says that nothing came, and one write before it says that
/// nothing went.
pub(crate) const READ_WAIT: Duration = Duration::from_millis(50);

/// Between two tries to write where the system does not wait by itself.
const BETWEEN_WRITES: Duration = Duration::from_millis(1);

/// A device that does not take all of a frame for so long hangs.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// For serial ports that are none but have a speed: UARTs. USB does not look at it.
const BAUD: u32 = 115_200;

/// Bytes there and back. `read` waits a moment and then fails with `TimedOut` or `WouldBlock`; it
/// gives 0 bytes at the end of the connection. `write_all` fails with these where the device took
/// not all for as long as it may. Nothing has to be flushed.
pub trait Port: Read + Write + Send {}

impl<T: Read + Write + Send> Port for T {}

/// Opens a port: `tcp:HOST:PORT`, on Unix `unix:PATH`, else a serial port by its name.
///
/// # Errors
/// [`LinkError::Open`].
pub fn open(name: &str) -> Result<Box<dyn Port>, LinkError> {
    let opened = match name.split_once(':') {
        Some(("tcp", address)) => tcp(address),
        #[cfg(unix)]
        Some(("unix", path)) => unix(path),
        _ => serialport::new(name, BAUD)
            .timeout(READ_WAIT)
            .open()
            .map(|port| Box::new(port) as Box<dyn Port>)
            .map_err(Into::into),
    };
    let port = opened.map_err(|error| LinkError::Open {
        port: name.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Box::new(Named {
        name: name.to_owned(),
        port,
        write_limit: WRITE_LIMIT,
    }))
}

/// Whether a read or write only found nothing to do.
pub(super) fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted
    )
}

/// A port that is named in its errors. Its reads and writes are short, and a frame has a limit of
/// its own.
struct Named<P> {
    name: String,
    port: P,
    write_limit: Duration,
}

impl<P> Named<P> {
    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.name))
    }
}

impl<P: Read> Read for Named<P> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self.port.read(space) {
            Ok(0) if !space.is_empty() => Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                format!("{}: the other end has gone", self.name),
            )),
            Err(error) if !is_pause(&error) => Err(self.named(&error)),
            other => other,
        }
    }
}

impl<P: Write> Write for Named<P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.port.write(bytes).map_err(|error| self.named(&error))
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let deadline = Instant::now() + self.write_limit;
        while !bytes.is_empty() {
            match self.port.write(bytes) {
                // Serial ports of Windows say so where others say that the time is over.
                Ok(0) => std::thread::sleep(BETWEEN_WRITES),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(self.named(&error)),
            }
            if !bytes.is_empty() && Instant::now() >= deadline {
                let limit = self.write_limit.as_secs_f32();
                return Err(io::Error::new(
                    ErrorKind::TimedOut,
                    format!("{}: {} bytes wait for {limit} s", self.name, bytes.len()),
                ));
            }
        }
        Ok(())
    }

    /// The system sends what it was given. To wait until a serial port's device took it (`tcdrain`)
    /// has no limit.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tcp(address: &str) -> io::Result<Box<dyn Port>> {
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(READ_WAIT))?;
                stream.set_write_timeout(Some(READ_WAIT))?;
                return Ok(Box::new(stream));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(unix)]
fn unix(path: &str) -> io::Result<Box<dyn Port>> {
    let stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.set_read_timeout(Some(READ_WAIT))?;
    stream.set_write_timeout(Some(READ_WAIT))?;
    Ok(Box::new(stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes at a time, then none.
    struct Narrow {
        room: usize,
        taken: Vec<u8>,
        says: fn() -> io::Result<usize>,
    }

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.taken.len() == self.room {
                std::thread::sleep(Duration::from_millis(1));
                return (self.says)();
            }
            let count = bytes.len().min(3).min(self.room - self.taken.len());
            self.taken.extend(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            panic!("waits for ever")
        }
    }

    fn named(room: usize, says: fn() -> io::Result<usize>) -> Named<Narrow> {
        Named {
            name: "ttyX".to_owned(),
            port: Narrow {
                room,
                taken: Vec::new(),
                says,
            },
            write_limit: Duration::from_millis(30),
        }
    }

    #[test]
    fn a_device_that_takes_nothing_is_named_after_a_limit() {
        let time_out: fn() -> io::Result<usize> = || Err(ErrorKind::TimedOut.into());
        for says in [time_out, || Ok(0)] {
            let mut port = named(4, says);
            let start = Instant::now();
            let error = port.write_all(b"0123456789").unwrap_err();
            assert!(start.elapsed() >= Duration::from_millis(30));
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(error.to_string().contains("ttyX: 6 bytes"), "{error}");
            assert_eq!(port.port.taken, b"0123");
        }
    }

    #[test]
    fn a_frame_goes_in_pieces_and_other_errors_at_once() {
        let mut port = named(99, || Ok(0));
        port.write_all(b"0123456789").unwrap();
        port.flush().unwrap();
        assert_eq!(port.port.taken, b"0123456789");
        let mut port = named(0, || Err(ErrorKind::BrokenPipe.into()));
        let error = port.write_all(b"01").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert!(error.to_string().starts_with("ttyX: "), "{error}");
    }

    #[test]
    fn an_end_is_named() {
        let mut port = Named {
            name: "ttyX".to_owned(),
            port: io::empty(),
            write_limit: WRITE_LIMIT,
        };
        let error = port.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert!(error.to_string().starts_with("ttyX: "), "{error}");
    }
}
