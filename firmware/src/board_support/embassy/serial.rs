//! The serial line: USB CDC-ACM, a class that every system has a driver for.

use core::fmt;
use embassy_futures::join::join3;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_time::{Duration, Instant};
use embassy_usb::class::cdc_acm::{CdcAcmClass, Receiver, Sender, State};
use embassy_usb::driver::{Driver, EndpointError};
use embassy_usb::{Builder, Config};
use firmware::app;

/// Bytes of a bulk packet at full speed.
const PACKET_LEN: usize = 64;

/// How long an answer waits for a host that does not read it.
const PATIENCE: Duration = Duration::from_millis(250);

static RECEIVED: Pipe<CriticalSectionRawMutex, 1024> = Pipe::new();
static SENT: Pipe<CriticalSectionRawMutex, 1024> = Pipe::new();

/// The app's end of the line.
pub struct Serial {
    /// Whether the host let the last answer wait for too long: the next ones do not wait before it
    /// reads again.
    deaf: bool,
}

impl Serial {
    pub const fn new() -> Self {
        Self { deaf: false }
    }

    /// The next byte received.
    pub fn next(&mut self) -> Option<u8> {
        let mut byte = [0];
        let length = RECEIVED.try_read(&mut byte).ok()?;
        (length == 1).then_some(byte[0])
    }

    /// Whether no byte waits.
    pub fn is_empty(&self) -> bool {
        RECEIVED.is_empty()
    }
}

impl app::Serial for Serial {
    fn send(&mut self, mut bytes: &[u8]) -> fmt::Result {
        let start = Instant::now();
        while !bytes.is_empty() {
            match SENT.try_write(bytes) {
                Ok(length) => {
                    bytes = bytes.get(length..).unwrap_or_default();
                    self.deaf = false;
                }
                Err(_) if self.deaf || start.elapsed() > PATIENCE => {
                    self.deaf = true;
                    return Err(fmt::Error);
                }
                // An interrupt ends the wait: USB's, or the clock's of the buttons.
                Err(_) => cortex_m::asm::wfi(),
            }
        }
        Ok(())
    }
}

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        app::Serial::send(self, text.as_bytes())
    }
}

/// Serves the line for ever.
pub async fn serve<D: Driver<'static> + 'static>(driver: D, product: &'static str) -> ! {
    // Vendor and product of pid.codes that are for tests: such a device must not be sold.
    let mut config = Config::new(0x1209, 0x0001);
    config.manufacturer = Some("Thumbgen");
    config.product = Some(product);
    config.max_power = 100;
    // Not one local of this future: the driver wants it all for ever.
    static BUFFERS: static_cell::ConstStaticCell<[[u8; 256]; 2]> =
        static_cell::ConstStaticCell::new([[0; 256]; 2]);
    static CONTROL: static_cell::ConstStaticCell<[u8; 64]> =
        static_cell::ConstStaticCell::new([0; 64]);
    static STATE: static_cell::StaticCell<State<'static>> = static_cell::StaticCell::new();
    let [configuration, bos] = BUFFERS.take();
    let mut builder = Builder::new(driver, config, configuration, bos, &mut [], CONTROL.take());
    let class = CdcAcmClass::new(&mut builder, STATE.init(State::new()), PACKET_LEN as u16);
    let mut device = builder.build();
    let (sender, receiver) = class.split();
    join3(device.run(), receive(receiver), send(sender)).await.0
}

async fn receive<D: Driver<'static>>(mut receiver: Receiver<'static, D>) -> ! {
    let mut packet = [0; PACKET_LEN];
    loop {
        receiver.wait_connection().await;
        // An error is the end of the connection.
        while let Ok(length) = receiver.read_packet(&mut packet).await {
            // Where the pipe is full, the host waits.
            RECEIVED.write_all(&packet[..length]).await;
        }
    }
}

async fn send<D: Driver<'static>>(mut sender: Sender<'static, D>) -> ! {
    let mut packet = [0; PACKET_LEN];
    loop {
        sender.wait_connection().await;
        loop {
            let length = SENT.read(&mut packet).await;
            if flush(&mut sender, &packet[..length]).await.is_err() {
                break;
            }
        }
    }
}

/// Sends a packet, and an empty one behind a full one where nothing follows: else the host waits
/// for more.
async fn flush<D: Driver<'static>>(
    sender: &mut Sender<'static, D>,
    packet: &[u8],
) -> Result<(), EndpointError> {
    sender.write_packet(packet).await?;
    if packet.len() == PACKET_LEN && SENT.is_empty() {
        sender.write_packet(&[]).await?;
    }
    Ok(())
}
