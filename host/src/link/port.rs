//! Ways to a device: serial ports, and sockets to emulated ones.

use super::LinkError;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long one read waits before it says that nothing came.
pub(crate) const READ_WAIT: Duration = Duration::from_millis(50);

/// A device that does not take a frame for so long is gone.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// For serial ports that are none but have a speed: UARTs. USB does not look at it.
const BAUD: u32 = 115_200;

/// Bytes there and back. `read` waits a moment and then fails with `TimedOut` or `WouldBlock`; it gives 0 bytes at the
/// end of the connection.
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
    opened.map_err(|error| LinkError::Open {
        port: name.to_owned(),
        reason: error.to_string(),
    })
}

fn tcp(address: &str) -> std::io::Result<Box<dyn Port>> {
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(READ_WAIT))?;
                stream.set_write_timeout(Some(WRITE_LIMIT))?;
                return Ok(Box::new(stream));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(unix)]
fn unix(path: &str) -> std::io::Result<Box<dyn Port>> {
    let stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.set_read_timeout(Some(READ_WAIT))?;
    stream.set_write_timeout(Some(WRITE_LIMIT))?;
    Ok(Box::new(stream))
}
