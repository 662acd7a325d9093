//! The chip's registers: the only place that makes an address. STMicroelectronics, reference manual
//! RM0090.

/// A 32-bit register. Only this file can make one.
#[derive(Debug, Clone, Copy)]
pub struct Register(usize);

impl Register {
    pub fn read(self) -> u32 {
        // SAFETY: every `Register` is made below from an address of the reference manual: aligned,
        // always mapped, and never memory of Rust's.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    pub fn write(self, value: u32) {
        // SAFETY: as for `read`; none of these peripherals writes to memory, so no write here can
        // break Rust's rules.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }

    /// Sets the bits of `mask` to those of `value`, leaving the others.
    pub fn change(self, mask: u32, value: u32) {
        self.write((self.read() & !mask) | value);
    }
}

/// Clock gates of the ports (bit 0: A).
pub const RCC_AHB1ENR: Register = Register(0x4002_3830);

/// Clock gates of timers (bit 0: timer 2).
pub const RCC_APB1ENR: Register = Register(0x4002_3840);

/// Clock gates of the fast peripherals (bit 4: USART1).
pub const RCC_APB2ENR: Register = Register(0x4002_3844);

/// Port A: two bits a pin, 2 for a peripheral's pin.
pub const GPIOA_MODER: Register = Register(0x4002_0000);

/// Port A, pins 8 to 15: four bits a pin, the number of the peripheral.
pub const GPIOA_AFRH: Register = Register(0x4002_0024);

/// USART1.
pub mod usart1 {
    use super::Register;
    pub const SR: Register = Register(0x4001_1000);
    pub const DR: Register = Register(0x4001_1004);
    pub const BRR: Register = Register(0x4001_1008);
    pub const CR1: Register = Register(0x4001_100C);
}

/// Timer 2, 32 bits.
pub mod timer2 {
    use super::Register;
    pub const CR1: Register = Register(0x4000_0000);
    pub const EGR: Register = Register(0x4000_0014);
    pub const CNT: Register = Register(0x4000_0024);
    pub const PSC: Register = Register(0x4000_0028);
    pub const ARR: Register = Register(0x4000_002C);
}
