//! The emulated UART as a TCP port of this machine, for `--port tcp:...` of other commands.

use super::error::EmulatorError;
use super::qemu::Qemu;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time between two looks for a visitor.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// How long a read from a visitor waits.
const READ_WAIT: Duration = Duration::from_millis(50);

/// A visitor that does not read for so long is sent away.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// Serves one visitor after the other until `stop` becomes true (set it on Ctrl-C) or the firmware
/// exits.
///
/// # Errors
/// [`EmulatorError::Io`] where the port fails, [`EmulatorError::Exited`] where QEMU was ended.
pub fn serve(
    qemu: &mut Qemu,
    listener: &TcpListener,
    stop: &AtomicBool,
) -> Result<(), EmulatorError> {
    let failed = || EmulatorError::io("serve the UART");
    listener.set_nonblocking(true).map_err(failed())?;
    while !stop.load(Ordering::Relaxed) && qemu.exit_code()?.is_none() {
        match listener.accept() {
            Ok((visitor, _)) => connect(qemu, visitor, stop)?,
            Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::sleep(BETWEEN_LOOKS),
            Err(e) => return Err(failed()(e)),
        }
    }
    Ok(())
}

/// Carries bytes both ways until the visitor goes.
fn connect(qemu: &mut Qemu, visitor: TcpStream, stop: &AtomicBool) -> Result<(), EmulatorError> {
    let failed = || EmulatorError::io("serve the UART");
    visitor.set_nonblocking(false).map_err(failed())?;
    // What fails from here on is the visitor's.
    let prepared = visitor
        .set_nodelay(true)
        .and_then(|()| visitor.set_read_timeout(Some(READ_WAIT)))
        .and_then(|()| visitor.set_write_timeout(Some(WRITE_LIMIT)))
        .and_then(|()| visitor.try_clone());
    let Ok(mut answers) = prepared else {
        return Ok(());
    };
    let mut port = qemu.port()?;
    let mut uart = port.writer().map_err(failed())?;
    let gone = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            copy(visitor, &mut uart, || {
                gone.load(Ordering::Relaxed) || stop.load(Ordering::Relaxed)
            });
            gone.store(true, Ordering::Relaxed);
        });
        copy(&mut port, &mut answers, || {
            gone.load(Ordering::Relaxed) || stop.load(Ordering::Relaxed)
        });
        gone.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// Copies bytes until an end or `done`.
fn copy(mut from: impl Read, to: &mut impl Write, done: impl Fn() -> bool) {
    let mut block = [0; 4096];
    while !done() {
        match from.read(&mut block) {
            Ok(0) => return,
            Ok(count) => {
                if to.write_all(&block[..count]).is_err() {
                    return;
                }
            }
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted
                ) => {}
            Err(_) => return,
        }
    }
}
