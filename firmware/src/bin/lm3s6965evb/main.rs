//! The board Luminary Micro LM3S6965EVB: Cortex-M3 at 12 MHz, 256 KB of flash, 64 KB of RAM, an
//! OLED of 128x64 pixels with 16 grey levels, five buttons, a UART. Wiring only; what it does is in
//! the library.
//!
//! Logs go out by semihosting, so the program wants QEMU or a debugger that serves it.
#![no_std]
#![no_main]

mod failure;
mod handlers;
mod interrupts;
#[path = "../../board_support/log.rs"]
mod log;
mod mmio;
mod panel;
mod serial;
#[path = "../../board_support/stack.rs"]
mod stack;
mod time;

use core::fmt::Write;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::entry;
use defmt::Display2Format;
use defmt_semihosting as _;
use firmware::app::{self, Device, Event, Identity, Next, Ports, Receiver};
use firmware::slot::{BootError, NoSlot, Running};
use firmware::text::{Hex, Plain};
use interrupts::Interrupt;
use panel::Panel;
use serial::{ReceiveQueue, Serial};
use shared::image::ALIGNMENT;
use shared::protocol::{LogLevel, Refusal, SlotState};
use time::Stopwatch;

/// Scratch memory for models of every size that this board takes; part of its budget.
const ARENA_LEN: usize = 16 * 1024;

const IDENTITY: Identity = Identity {
    board: "lm3s6965evb",
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
    // With its frame buffer: 4 KB that are not moved over the stack.
    static mut PANEL: Panel = panel::PANEL;
    let Some(peripherals) = cortex_m::Peripherals::take() else {
        unreachable!("main runs once")
    };
    let mut serial = Serial::new(RECEIVED);
    time::start(peripherals.SYST);
    // SAFETY: no critical section is built on these masks, and both handlers are ready.
    unsafe {
        NVIC::unmask(Interrupt::Uart0);
        NVIC::unmask(Interrupt::Timer0A);
    }
    panel::connect();
    // Its bus cannot fail.
    let _ = PANEL.init();
    // Taken by reference: a second copy would stay on the stack for good.
    match &Running::built_in(&MODEL.0, SlotState::Absent, ARENA, &mut ()) {
        Ok(running) => run(running, ARENA, PANEL, serial),
        Err(error) => refuse(error, PANEL, &mut serial),
    }
}

fn run(running: &Running<'static>, arena: &mut [i8], panel: &mut Panel, mut serial: Serial) -> ! {
    let image = running.engine.image();
    defmt::info!(
        "boot: lm3s6965evb, model {=str}, image {=usize} bytes {=u32:08x}, arena {=usize} of {=usize} bytes, version {=str}",
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
    let _ = device.redraw(arena, panel, &mut stopwatch);
    let _ = writeln!(serial, "ready lm3s6965evb {}", Hex(image.crc()));
    loop {
        let mut handle = |event: Event<'_>, serial: &mut Serial| {
            let ports = Ports {
                arena,
                screen: panel,
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
            stopwatch.log_level = device.log_level();
        };
        while let Some(byte) = serial.next() {
            if let Some(event) = receiver.push(byte) {
                handle(event, &mut serial);
            }
        }
        if let Some(button) = time::next_button() {
            handle(Event::Button(button), &mut serial);
        } else if time::ticked() {
            handle(Event::Tick, &mut serial);
        }
        sleep(&serial);
    }
}

/// Shows why there is nothing to run, and answers every line with it.
fn refuse(why: &BootError, panel: &mut Panel, serial: &mut Serial) -> ! {
    let mut text = heapless::String::<200>::new();
    let _ = write!(text, "{why}");
    failure::show("no model to run", &text, panel);
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
