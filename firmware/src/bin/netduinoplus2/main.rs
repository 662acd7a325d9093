//! The board Netduino Plus 2: STM32F405, Cortex-M4F, 1 MB of flash, 128 KB of RAM, no display of
//! its own. What would be on a display is drawn into memory, where a debugger or QEMU can look at
//! it; the serial line is the device's voice.
//!
//! For models that are too large for other boards. Compiled and run in QEMU, not run on hardware.
#![no_std]
#![no_main]

mod mmio;
mod serial;
#[path = "../../board_support/stack.rs"]
mod stack;
mod time;

use core::fmt::Write;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::{ExceptionFrame, entry, exception};
use defmt::Display2Format;
use defmt_semihosting as _;
use firmware::app::{self, Device, Event, Identity, Next, Ports, Receiver};
use firmware::panel::FrameBuffer;
use firmware::slot::{BootError, NoSlot, Running};
use firmware::text::{Hex, Plain};
use serial::{ReceiveQueue, Serial};
use shared::image::ALIGNMENT;
use shared::protocol::{LogLevel, Refusal, SlotState};
use time::Stopwatch;

/// Scratch memory for models of every size that this board takes; part of its budget.
const ARENA_LEN: usize = 80 * 1024;

const IDENTITY: Identity = Identity {
    board: "netduinoplus2",
    firmware: env!("CARGO_PKG_VERSION"),
    arena: ARENA_LEN,
};

#[repr(C, align(16))]
struct Aligned<T: ?Sized>(T);

const _: () = assert!(align_of::<Aligned<u8>>() == ALIGNMENT);

/// The model, run in place.
static MODEL: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/model.tgm")));

#[entry]
fn main() -> ! {
    static mut ARENA: [i8; ARENA_LEN] = [0; ARENA_LEN];
    static mut RECEIVED: ReceiveQueue = ReceiveQueue::new();
    // The picture; its symbol's name is how a debugger and the host find it.
    static mut FRAME: FrameBuffer = FrameBuffer::new();
    let Some(peripherals) = cortex_m::Peripherals::take() else {
        unreachable!("main runs once")
    };
    let mut serial = Serial::new(RECEIVED);
    time::start(peripherals.SYST);
    // SAFETY: no critical section is built on this mask, and the handler is ready.
    unsafe { NVIC::unmask(Usart1) };
    match Running::built_in(&MODEL.0, SlotState::Absent, ARENA, &mut ()) {
        Ok(running) => run(&running, ARENA, FRAME, serial),
        Err(error) => refuse(&error, &mut serial),
    }
}

fn run(
    running: &Running<'static>,
    arena: &mut [i8],
    frame: &mut FrameBuffer,
    mut serial: Serial,
) -> ! {
    let image = running.engine.image();
    defmt::info!(
        "boot: netduinoplus2, model {=str}, image {=usize} bytes {=u32:08x}, arena {=usize} of {=usize} bytes, version {=str}",
        image.name(),
        image.len(),
        image.crc(),
        image.arena_len(),
        ARENA_LEN,
        IDENTITY.firmware
    );
    match &running.self_test {
        Ok(goldens) => defmt::info!("self-test: {=usize} golden pictures equal", *goldens),
        Err(error) => defmt::error!("self-test: {}", Display2Format(error)),
    }
    let mut device = Device::new(running, IDENTITY);
    let mut stopwatch = Stopwatch::default();
    let mut receiver = Receiver::new();
    let _ = device.redraw(arena, frame, &mut stopwatch);
    let _ = writeln!(serial, "ready netduinoplus2 {}", Hex(image.crc()));
    loop {
        let mut handle = |event: Event<'_>, serial: &mut Serial| {
            let ports = Ports {
                arena,
                screen: frame,
                probe: &mut stopwatch,
                serial,
                slot: &mut NoSlot,
            };
            match device.handle(event, ports) {
                // Without a slot there is nothing to restart with.
                Ok(Next::Continue | Next::Restart(_)) => {}
                Err(error) if device.log_level() >= LogLevel::Error => {
                    defmt::error!("{}", Display2Format(&error));
                }
                Err(_) => {}
            }
        };
        while let Some(byte) = serial.next() {
            if let Some(event) = receiver.push(byte) {
                handle(event, &mut serial);
            }
        }
        if time::ticked() {
            handle(Event::Tick, &mut serial);
        }
        sleep(&serial);
    }
}

/// Answers every line with the reason why there is nothing to run.
fn refuse(why: &BootError, serial: &mut Serial) -> ! {
    let mut text = heapless::String::<200>::new();
    let _ = write!(text, "{why}");
    defmt::error!("no model to run: {=str}", text.as_str());
    let _ = writeln!(serial, "error {}", Plain(&text));
    let mut receiver = Receiver::new();
    loop {
        while let Some(byte) = serial.next() {
            let _ = match receiver.push(byte) {
                Some(Event::Frame(frame)) => app::refuse(frame, Refusal::NoModel, serial),
                Some(_) => writeln!(serial, "error {}", Plain(&text)),
                None => Ok(()),
            };
        }
        sleep(serial);
    }
}

/// Waits for an interrupt, unless something waits already. With interrupts off, none can come
/// between the look and the wait, and a pending one still wakes the core.
fn sleep(serial: &Serial) {
    cortex_m::interrupt::free(|_| {
        if serial.is_empty() && time::is_quiet() {
            cortex_m::asm::wfi();
        }
    });
}

/// The one interrupt in use.
#[derive(Debug, Clone, Copy)]
struct Usart1;

const USART1: u16 = 37;

// SAFETY: the number is that of the reference manual, table 61, always the same, below the chip's
// 82.
unsafe impl InterruptNumber for Usart1 {
    fn number(self) -> u16 {
        USART1
    }
}

// SAFETY: it runs with the hardware's own state saved, and what it shares with the program lies
// behind critical sections.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    if number == USART1.cast_signed() {
        serial::receive();
    } else {
        panic!("interrupt {number} has no handler");
    }
}

// SAFETY: it only ends the program, by a panic; nothing that the fault interrupted goes on.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    panic!("hard fault at {:08x}", frame.pc())
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    static PANICKED: AtomicBool = AtomicBool::new(false);
    cortex_m::interrupt::disable();
    // A panic within this handler, or within the logger: say no more.
    if !PANICKED.swap(true, Ordering::Relaxed) {
        defmt::error!("panic: {}", Display2Format(info));
    }
    semihosting::process::exit(1)
}
