//! The chip's registers: the only place that makes an address. Texas Instruments, LM3S6965 data
//! sheet.

/// A 32-bit register. Only this file can make one.
#[derive(Debug, Clone, Copy)]
pub struct Register(usize);

impl Register {
    pub fn read(self) -> u32 {
        // SAFETY: every `Register` is made below from an address of the data sheet: aligned, always
        // mapped once its peripheral has a clock, and never memory of Rust's.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    pub fn write(self, value: u32) {
        // SAFETY: as for `read`; none of these peripherals writes to memory, so no write here can
        // break Rust's rules.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }

    /// Sets bits, leaving the others.
    pub fn set(self, bits: u32) {
        self.write(self.read() | bits);
    }

    /// Clears bits, leaving the others.
    pub fn clear(self, bits: u32) {
        self.write(self.read() & !bits);
    }
}

/// Clock gates of UART0 (bit 0), SSI0 (4) and timer 0 (16).
pub const RCGC1: Register = Register(0x400F_E104);

/// Clock gates of the ports A (bit 0) to F (5).
pub const RCGC2: Register = Register(0x400F_E108);

/// A port of eight pins; pins are given as bits.
#[derive(Debug, Clone, Copy)]
pub struct Port(usize);

pub const PORT_A: Port = Port(0x4000_4000);
pub const PORT_C: Port = Port(0x4000_6000);
pub const PORT_D: Port = Port(0x4000_7000);
pub const PORT_E: Port = Port(0x4002_4000);
pub const PORT_F: Port = Port(0x4002_5000);

impl Port {
    /// Levels of some pins alone: address bits 2 to 9 are a mask, so that no other pin is touched.
    pub const fn data(self, pins: u8) -> Register {
        Register(self.0 + ((pins as usize) << 2))
    }

    /// 1 for outputs.
    pub const fn direction(self) -> Register {
        Register(self.0 + 0x400)
    }

    /// 1 where a rising edge counts, else a falling one.
    pub const fn edge(self) -> Register {
        Register(self.0 + 0x40C)
    }

    /// 1 for pins with an edge since it was cleared, also where no interrupt follows.
    pub const fn edges(self) -> Register {
        Register(self.0 + 0x414)
    }

    /// Writing 1 clears a pin's edge.
    pub const fn clear_edges(self) -> Register {
        Register(self.0 + 0x41C)
    }

    /// 1 for pins of a peripheral.
    pub const fn alternate(self) -> Register {
        Register(self.0 + 0x420)
    }

    /// 1 for pull-up.
    pub const fn pull_up(self) -> Register {
        Register(self.0 + 0x510)
    }

    /// 1 for pins in digital use.
    pub const fn digital(self) -> Register {
        Register(self.0 + 0x51C)
    }
}

/// SSI0, a PL022.
pub mod ssi0 {
    use super::Register;
    pub const CR0: Register = Register(0x4000_8000);
    pub const CR1: Register = Register(0x4000_8004);
    pub const DR: Register = Register(0x4000_8008);
    pub const SR: Register = Register(0x4000_800C);
    pub const CPSR: Register = Register(0x4000_8010);
}

/// UART0, a PL011.
pub mod uart0 {
    use super::Register;
    pub const DR: Register = Register(0x4000_C000);
    pub const FR: Register = Register(0x4000_C018);
    pub const IBRD: Register = Register(0x4000_C024);
    pub const FBRD: Register = Register(0x4000_C028);
    pub const LCRH: Register = Register(0x4000_C02C);
    pub const CTL: Register = Register(0x4000_C030);
    pub const IM: Register = Register(0x4000_C038);
    pub const ICR: Register = Register(0x4000_C044);
}

/// General-purpose timer 0.
pub mod timer0 {
    use super::Register;
    pub const CFG: Register = Register(0x4003_0000);
    pub const TAMR: Register = Register(0x4003_0004);
    pub const CTL: Register = Register(0x4003_000C);
    pub const IMR: Register = Register(0x4003_0018);
    pub const ICR: Register = Register(0x4003_0024);
    pub const TAILR: Register = Register(0x4003_0028);
}
