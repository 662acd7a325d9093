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
