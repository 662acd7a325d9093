//! The board Raspberry Pi Pico: RP2040, Cortex-M0+ at 125 MHz, 2 MB of flash, 264 KB of RAM, with a display and five
//! buttons. Wiring only; what it does is in the library. BOARDS.md draws the wires.
#![no_std]
#![no_main]

#[path = "../../board_support/embassy/mod.rs"]
mod board_support;
#[path = "../../board_support/rp/mod.rs"]
mod chip;
#[path = "../../board_support/stack.rs"]
mod stack;

use board_support::run::{run, splash};
use chip::{Board, Frame};
use defmt_rtt as _;
use shared::image::ALIGNMENT;

/// Scratch memory for models of every size that this board takes; part of its budget.
const ARENA_LEN: usize = 96 * 1024;

#[repr(C, align(16))]
struct Aligned<T: ?Sized>(T);

const _: () = assert!(align_of::<Aligned<u8>>() == ALIGNMENT);

/// The built-in model, run in place.
static MODEL: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/model.tgm")));

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut ARENA: [i8; ARENA_LEN] = [0; ARENA_LEN];
    static mut FRAME: Frame = Frame::new();
    match chip::start(FRAME, |frame| splash(&MODEL.0, ARENA, frame)) {
        Ok(Board {
            mut panel,
            mut banks,
            start,
        }) => run(&mut banks, &MODEL.0, start, ARENA, &mut panel),
        Err(_) => panic!("the display cannot be set up"),
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    defmt::error!("panic: {}", defmt::Display2Format(info));
    // Until the watchdog ends it.
    loop {
        cortex_m::asm::nop();
    }
}
