// What the library's core does otherwise than the real one, set right.

/** Units of the chip that the library has no model of, and whose settings change nothing here. */
const QUIET = new Set(['ROSC_BASE', 'VREG_AND_CHIP_RESET_BASE', 'USB', 'I2C0', 'I2C1']);

/**
 * Sleep: an interrupt that is pending wakes the core, also where it came before the core lay down, and also where
 * interrupts are masked; then it is not taken until they are not. Firmware relies on all of it to look whether there is
 * something to do and to sleep without a gap between the two. The library wakes only for what comes later, and takes it
 * at once.
 *
 * @returns {() => boolean} wakes a core for which something is pending, and says whether it did
 */
export function mendSleep(core) {
  const check = core.checkForInterrupts;
  const wake = () => {
    const pending = core.pendingInterrupts & core.enabledInterrupts;
    if (pending || core.pendingNMI || core.pendingPendSV || core.pendingSystick) {
      core.waiting = false;
      core.interruptsUpdated = true;
      return true;
    }
    return false;
  };
  core.checkForInterrupts = () => {
    if (core.waiting) {
      wake();
      return false;
    }
    return check.call(core);
  };
  return wake;
}

/** The timer's registers of its four alarms. */
const ALARM0 = 0x10;
const ALARM3 = 0x1c;

/**
 * The timer: an alarm goes off when the count of microseconds has reached it. The library lets it go off up to a
 * microsecond before, because it drops the part of the present microsecond that is over. Firmware then finds that it is
 * too early and sets the alarm again, by then for a time that has just passed: it sleeps for an hour.
 */
export function mendTimer(timer) {
  const write = timer.writeUint32;
  timer.writeUint32 = (offset, value) => {
    write.call(timer, offset, value);
    if (offset >= ALARM0 && offset <= ALARM3) {
      const { nanos } = timer.clock;
      const micros = (value - Math.floor(nanos / 1000)) >>> 0;
      timer.alarms[(offset - ALARM0) / 4].clockAlarm.schedule(Math.max(0, micros * 1000 - (nanos % 1000)));
    }
  };
}

/**
 * The chip's voice. The library only says that the core has signalled an event (SEV); the core then does not go to
 * sleep at its next WFE.
 */
export function logger(chip, complain) {
  const tell = (component, message) => {
    if (!(QUIET.has(component) && message.startsWith('Unimplemented'))) {
      complain(`${component}: ${message}`);
    }
  };
  return {
    debug: () => {},
    info(_, message) {
      if (message === 'SEV') {
        chip.core.eventRegistered = true;
      }
    },
    warn: tell,
    error: tell,
  };
}
