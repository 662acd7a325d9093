//! What the boards have in common that embassy drives: the serial line over USB, the buttons, the
//! time, the display.
//!
//! Drivers run in interrupts, by an executor of embassy's; the app runs in thread mode, where it
//! may compute as long as it likes. Bytes, presses and ticks wait between the two in the statics of
//! [`serial`] and [`input`]. What differs from chip to chip is the module `chip` of each board's
//! program: `BOARD`, `Frame`, `Panel`, `PanelError`, `Board`, `start` and `feed_watchdog`.

pub mod input;
pub mod run;
pub mod serial;
#[cfg(not(feature = "ssd1306"))]
pub mod st7789;
pub mod stopwatch;

/// The program of a board: its start, its model and its memory, with an arena of so many bytes.
macro_rules! program {
    ($arena:expr) => {
        use board_support::run::{run, splash};
        use defmt_rtt as _;

        #[repr(C, align(16))]
        struct Aligned<T: ?Sized>(T);

        const _: () = assert!(align_of::<Aligned<u8>>() == shared::image::ALIGNMENT);

        /// The built-in model, run in place.
        static MODEL: &Aligned<[u8]> =
            &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/model.tgm")));

        #[cortex_m_rt::entry]
        fn main() -> ! {
            // Scratch memory for models of every size that this board takes; part of its budget.
            // Aligned, since kernels read it by words.
            static mut ARENA: Aligned<[i8; $arena]> = Aligned([0; $arena]);
            static mut FRAME: chip::Frame = chip::Frame::new();
            let arena = &mut ARENA.0;
            match chip::start(FRAME, |frame| splash(&MODEL.0, arena, frame)) {
                Ok(chip::Board {
                    mut panel,
                    mut banks,
                    start,
                }) => run(&mut banks, &MODEL.0, start, arena, &mut panel),
                Err(_) => panic!("the display cannot be set up"),
            }
        }

        /// Leaves the device to the watchdog. The message of the panic is not told: with the names
        /// of files, the messages of all that could panic would take 10 KB of flash.
        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            cortex_m::interrupt::disable();
            defmt::error!("panic");
            loop {
                cortex_m::asm::nop();
            }
        }
    };
}
pub(crate) use program;
